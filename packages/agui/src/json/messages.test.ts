import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { AgentCapabilitiesSchema } from "@dragoman/contract/agui/v1/capabilities_pb";
import { EventSchema } from "@dragoman/contract/agui/v1/event_pb";
import { RunAgentInputSchema } from "@dragoman/contract/agui/v1/input_pb";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  afterBinary,
  anyEvent,
  anyInput,
  eventCases,
  inputAfterBinary,
  inputCases,
  messageCases,
} from "../../test/schema-cases.ts";
import { encodeEvent } from "../codec/binary.ts";
import { decodeRunAgentInput, encodeRunAgentInput } from "../codec/entity-codec.ts";
import { InvalidEventError, MalformedEventError, UnknownEventTypeError } from "../codec/errors.ts";
import type { AgentCapabilities, Interrupt, Message, RunAgentInput } from "../types.ts";
import {
  capabilitiesFromMessage,
  capabilitiesToMessage,
  contextFromMessage,
  contextToMessage,
  inputFromMessage,
  inputToMessage,
  interruptFromMessage,
  interruptToMessage,
  messageFromProto,
  messageToProto,
  resumeEntryFromMessage,
  resumeEntryToMessage,
  toolFromMessage,
  toolToMessage,
} from "./entity-messages.ts";
import { eventFromMessage, eventToMessage } from "./event-message.ts";

const record = (value: object): Record<string, unknown> => value as Record<string, unknown>;

describe("events", () => {
  test("survive object, message, object", () => {
    for (const event of eventCases())
      expect(eventFromMessage(eventToMessage(event))).toStrictEqual(afterBinary(event));
    fc.assert(
      fc.property(anyEvent(), (event) => {
        expect(eventFromMessage(eventToMessage(event))).toEqual(afterBinary(event));
      }),
    );
  });

  test("are messages of the contract, field by field", () => {
    const { event } = eventToMessage({
      type: "TEXT_MESSAGE_START",
      messageId: "m",
      role: "assistant",
      timestamp: 5,
      metadata: { a: [1] },
    });
    expect(event).toMatchObject({
      case: "textMessageStart",
      value: {
        messageId: "m",
        role: "assistant",
        baseEvent: { timestamp: 5n, metadata: { a: [1] } },
      },
    });
  });

  test("may lack their base event, because the field in use says the type", () => {
    for (const event of eventCases()) {
      const { metadata: _m, timestamp: _t, rawEvent: _r, ...bare } = event;
      const message = eventToMessage(bare as typeof event);
      if (message.event.case === undefined) throw new Error("No event");
      delete message.event.value.baseEvent;
      expect(eventFromMessage(message)).toEqual(afterBinary(bare as typeof event));
    }
  });

  test("keep what is not known in the message", () => {
    const later = Uint8Array.from([
      ...encodeEvent({ type: "STEP_STARTED", stepName: "s" }),
      0xfa,
      0x3f,
      1,
      0x61,
    ]);
    expect(eventFromMessage(fromBinary(EventSchema, later))).toEqual({ type: "STEP_STARTED", stepName: "s" });
  });

  test("that are none are refused", () => {
    expect(() => eventToMessage({ type: "STEP_STARTED" } as never)).toThrow(InvalidEventError);
    expect(() => eventFromMessage(create(EventSchema))).toThrow(MalformedEventError);
    const later = fromBinary(EventSchema, Uint8Array.from([0x82, 0x02, 0x02, 0x0a, 0x00]));
    expect(() => eventFromMessage(later)).toThrow(UnknownEventTypeError);
    const wrong = eventToMessage({ type: "STEP_STARTED", stepName: "s" });
    if (wrong.event.case === "stepStarted") wrong.event.value.baseEvent!.type = 3;
    expect(() => eventFromMessage(wrong)).toThrow(MalformedEventError);
  });
});

describe("inputs", () => {
  test("survive object, message, object, and object, binary, object", () => {
    for (const input of inputCases()) {
      const expected = inputAfterBinary(record(input));
      expect(inputFromMessage(inputToMessage(input))).toStrictEqual(expected);
      expect(decodeRunAgentInput(encodeRunAgentInput(input))).toStrictEqual(expected);
    }
    fc.assert(
      fc.property(anyInput(), (input) => {
        expect(inputFromMessage(inputToMessage(input))).toEqual(inputAfterBinary(record(input)));
      }),
    );
  });

  test("have the bytes that protobuf-es gives them, but for empty keys, which AG-UI leaves out", () => {
    for (const input of inputCases()) {
      if (JSON.stringify(input).includes('"":')) continue;
      expect(
        Buffer.compare(encodeRunAgentInput(input), toBinary(RunAgentInputSchema, inputToMessage(input))),
      ).toBe(0);
    }
  });

  test("say what is wrong with them", () => {
    const input = { threadId: "t", runId: "r", messages: [{ id: "m", role: "user", content: 5 }] };
    expect(() => inputToMessage(input as unknown as RunAgentInput)).toThrow(
      "/messages/0/content must be a string or",
    );
    expect(() => inputFromMessage(create(RunAgentInputSchema))).not.toThrow();
  });
});

describe("parts of inputs and events", () => {
  test("messages survive, of all roles", () => {
    for (const message of messageCases()) {
      const { toolCalls, ...rest } = message as Message & { toolCalls?: unknown[] };
      const expected = toolCalls?.length === 0 ? rest : message;
      expect(messageFromProto(messageToProto(message))).toStrictEqual(expected);
    }
  });

  test("a message whose content does not fit its role is malformed", () => {
    const message = messageToProto({ id: "m", role: "assistant", content: "c" });
    const parts = messageToProto({
      id: "m",
      role: "user",
      content: [{ type: "text", text: "t" }],
    }).contentParts;
    expect(() => messageFromProto({ ...message, contentParts: parts })).toThrow(MalformedEventError);
    expect(() => messageFromProto({ ...message, role: "user", contentParts: parts })).toThrow(
      MalformedEventError,
    );
    expect(() => messageFromProto({ ...message, activityContent: {} })).toThrow(MalformedEventError);
  });

  test("a message of a role of a later version is kept as it is", () => {
    const message = messageToProto({ id: "m", role: "assistant", content: "c" });
    expect(messageFromProto({ ...message, role: "robot" })).toEqual({ id: "m", role: "robot", content: "c" });
  });

  test("tools, context, answers and interrupts survive", () => {
    const tool = { name: "n", description: "", parameters: { type: "object" }, metadata: { a: null } };
    expect(toolFromMessage(toolToMessage(tool))).toStrictEqual(tool);
    const context = { description: "d", value: "" };
    expect(contextFromMessage(contextToMessage(context))).toStrictEqual(context);
    const entry = { interruptId: "i", status: "resolved", payload: false, metadata: {} } as const;
    expect(resumeEntryFromMessage(resumeEntryToMessage(entry))).toStrictEqual(entry);
    const interrupt: Interrupt = {
      id: "i",
      reason: "r",
      responseSchema: { type: "boolean" },
      metadata: { b: 1 },
    };
    expect(interruptFromMessage(interruptToMessage(interrupt))).toStrictEqual(interrupt);
    expect(() => toolToMessage({ name: "n" } as never)).toThrow("/description is required");
  });

  test("capabilities survive, and what AG-UI does not describe is left out", () => {
    const capabilities: AgentCapabilities = {
      identity: { name: "n", documentationUrl: "u", metadata: { a: [1] } },
      transport: { streaming: true, resumable: false },
      tools: { supported: true, items: [{ name: "t", description: "d", parameters: { type: "object" } }] },
      output: { supportedMimeTypes: ["text/plain"] },
      state: { snapshots: true },
      multiAgent: { subagents: [{ name: "s" }] },
      reasoning: { encrypted: false },
      multimodal: { input: { image: true, pdf: false }, output: {} },
      execution: { maxIterations: 5, maxExecutionTime: 1.5 },
      humanInTheLoop: { approveWithEdits: true },
      custom: { x: null },
    };
    expect(capabilitiesFromMessage(capabilitiesToMessage(capabilities))).toEqual(capabilities);
    const later = { ...capabilities, telepathy: true } as AgentCapabilities;
    expect(capabilitiesFromMessage(capabilitiesToMessage(later))).toEqual(capabilities);
    expect(capabilitiesFromMessage(create(AgentCapabilitiesSchema))).toEqual({});
  });
});
