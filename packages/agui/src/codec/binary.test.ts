import { decode as stockDecode, encode as stockEncode } from "@ag-ui/proto";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { EventSchema } from "@dragoman/contract/agui/v1/event_pb";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { afterBinary, anyEvent, eventCases } from "../../test/schema-cases.ts";
import type { AguiEvent } from "../types.ts";
import { createEventDecoder, decodeEvent, encodeEvent } from "./binary.ts";
import { InvalidEventError, TooDeepError, UnknownEventTypeError } from "./errors.ts";
import { EVENT_SHAPES } from "./event-shapes.ts";

const stock = (event: AguiEvent): Uint8Array => stockEncode(event as never);
/** Events of all types, with the bytes that @ag-ui/proto gives them. */
const cases = eventCases().map((event) => ({ event, bytes: stock(event) }));
const byType = Map.groupBy(cases, ({ event }) => event.type);

test("the cases cover all types of events", () => {
  expect([...byType.keys()].sort()).toEqual([...EVENT_SHAPES.keys()].sort());
});

describe.each([...byType])("%s", (_type, events) => {
  test("has the bytes of @ag-ui/proto", () => {
    for (const { event, bytes } of events) {
      expect(Buffer.compare(encodeEvent(event), bytes), JSON.stringify(event)).toBe(0);
    }
  });

  test("is read as @ag-ui/proto reads it, both ways", () => {
    // The same bytes both ways, so what stock reads of ours is what it reads of its own.
    for (const { bytes } of events) expect(decodeEvent(bytes)).toStrictEqual(stockDecode(bytes));
  });

  test("is one message for protobuf-es, without unknown fields", () => {
    for (const { bytes } of events) {
      const message = fromBinary(EventSchema, bytes, { readUnknownFields: false });
      expect(decodeEvent(toBinary(EventSchema, message))).toStrictEqual(decodeEvent(bytes));
    }
  });
});

test("any event survives JSON, binary, JSON", () => {
  const decoder = createEventDecoder();
  fc.assert(
    fc.property(anyEvent(), (event) => {
      const given = JSON.parse(JSON.stringify(event)) as AguiEvent;
      const bytes = encodeEvent(given);
      expect(JSON.parse(JSON.stringify(decoder.decode(bytes)))).toEqual(afterBinary(given));
      // Theirs leaves a key "__proto__" out; ours is a key like any other.
      if (!JSON.stringify(given).includes('"__proto__"')) expect(Buffer.compare(bytes, stock(given))).toBe(0);
    }),
    { numRuns: 1000 },
  );
});

describe("deltas", () => {
  const deltas: AguiEvent[] = [
    { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "x".repeat(42) },
    { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "x".repeat(43) },
    { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "東".repeat(42) },
    { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "", timestamp: 1 },
    { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "a", timestamp: 1_760_000_000_000 },
    { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "a", timestamp: -1 },
    { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "a", subagentRunId: "s" },
    { type: "REASONING_MESSAGE_CONTENT", messageId: "m", delta: "a", metadata: { a: 1 } },
    { type: "TOOL_CALL_ARGS", toolCallId: "", delta: "a" },
    ...[
      "i".repeat(127),
      "i".repeat(128),
      "é".repeat(63),
      "é".repeat(64),
      "東".repeat(42),
      "東".repeat(43),
    ].flatMap((id): AguiEvent[] => [
      { type: "TOOL_CALL_ARGS", toolCallId: id, delta: "a" },
      { type: "TOOL_CALL_ARGS", toolCallId: id, delta: "🐢" },
      { type: "REASONING_MESSAGE_CONTENT", messageId: id, delta: "x".repeat(40) },
      { type: "REASONING_MESSAGE_CONTENT", messageId: id, delta: "x".repeat(40), timestamp: 2 ** 53 - 1 },
    ]),
  ];

  test("have the bytes of @ag-ui/proto at the edges of the short form", () => {
    for (const event of [...deltas, ...deltas.toReversed()]) {
      expect(Buffer.compare(encodeEvent(event), stock(event)), JSON.stringify(event)).toBe(0);
      expect(decodeEvent(encodeEvent(event))).toStrictEqual(stockDecode(stock(event)));
    }
  });

  test("with lone surrogates have U+FFFD in their place", () => {
    const event: AguiEvent = { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "a\ud83db" };
    expect(decodeEvent(encodeEvent(event))).toEqual({ ...event, delta: "a\ufffdb" });
    const long: AguiEvent = { ...event, delta: `${"a".repeat(50)}\udc22` };
    expect(decodeEvent(encodeEvent(long))).toEqual({ ...long, delta: `${"a".repeat(50)}\ufffd` });
  });
});

describe("what is encoded", () => {
  test("stays as it is while other events are encoded", () => {
    const events = [...byType.values()].flatMap((all) => all.slice(0, 5).map(({ event }) => event));
    const encoded = events.map((event) => encodeEvent(event));
    expect(encoded.map((bytes) => decodeEvent(bytes))).toEqual(
      events.map((event) => decodeEvent(encodeEvent(event))),
    );
  });

  test("may be encoded by a value of the event itself", () => {
    const inner: AguiEvent = { type: "CUSTOM", name: "inner", value: "x".repeat(3000) };
    let bytes = new Uint8Array();
    const value = {
      toJSON() {
        bytes = Uint8Array.from(encodeEvent(inner));
        return "outer";
      },
    };
    const outer = encodeEvent({ type: "CUSTOM", name: "outer", value: { before: 1, value, after: 2 } });
    expect(decodeEvent(bytes)).toEqual(inner);
    expect(decodeEvent(outer)).toEqual({
      type: "CUSTOM",
      name: "outer",
      value: { before: 1, value: "outer", after: 2 },
    });
  });

  test("leaves out what AG-UI does not describe, and nulls in place of optional fields", () => {
    const event = {
      type: "TEXT_MESSAGE_START",
      messageId: "m",
      name: null,
      timestamp: undefined,
      seq: 5,
      role: null,
    };
    expect(decodeEvent(encodeEvent(event as unknown as AguiEvent))).toStrictEqual({
      type: "TEXT_MESSAGE_START",
      messageId: "m",
    });
  });

  test("keeps the members of an operation that it does not need", () => {
    const event = {
      type: "STATE_DELTA",
      delta: [{ op: "remove", path: "/a", value: null, from: "/b", extra: 1 }],
    };
    expect(decodeEvent(encodeEvent(event as unknown as AguiEvent))).toStrictEqual({
      type: "STATE_DELTA",
      delta: [{ op: "remove", path: "/a", value: null, from: "/b" }],
    });
  });
});

describe("an event that cannot be encoded", () => {
  const invalid: [object, string, string][] = [
    [{ type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: 5 }, "/delta", "must be a string, not a number"],
    [{ type: "TEXT_MESSAGE_CONTENT", messageId: "m" }, "/delta", "is required"],
    [{ type: "TEXT_MESSAGE_START", messageId: "m", role: "tool" }, "/role", "must be one of"],
    [{ type: "STEP_STARTED", stepName: "s", timestamp: 0.5 }, "/timestamp", "must be a whole number"],
    [
      { type: "RUN_ERROR", message: "m", usage: [{ inputTokens: -1 }] },
      "/usage/0/inputTokens",
      "must be at least 0",
    ],
    [
      { type: "STATE_DELTA", delta: [{ op: "add", path: "a", value: 1 }] },
      "/delta/0/path",
      "must be a JSON Pointer",
    ],
    [
      { type: "STATE_DELTA", delta: [{ op: "add", path: "/a~2", value: 1 }] },
      "/delta/0/path",
      "must be a JSON Pointer",
    ],
    [{ type: "STATE_DELTA", delta: [{ op: "add", path: "/a" }] }, "/delta/0/value", "is required"],
    [{ type: "STATE_DELTA", delta: [{ op: "move", path: "/a" }] }, "/delta/0/from", "is required"],
    [{ type: "STATE_DELTA", delta: [{ op: "put", path: "/a" }] }, "/delta/0/op", "must be one of"],
    [
      { type: "MESSAGES_SNAPSHOT", messages: [{ id: "a", role: "robot" }] },
      "/messages/0/role",
      "must be one of",
    ],
    [{ type: "MESSAGES_SNAPSHOT", messages: "m" }, "/messages", "must be a list, not a string"],
    [{ type: "MESSAGES_SNAPSHOT", messages: [null] }, "/messages/0", "must be an object, not null"],
    [
      { type: "RUN_STARTED", threadId: "t", runId: "r", metadata: [] },
      "/metadata",
      "must be an object, not a list",
    ],
    [
      { type: "RUN_FINISHED", threadId: "t", runId: "r", outcome: { type: "interrupt", interrupts: [] } },
      "/outcome/interrupts",
      "must have at least 1 item",
    ],
    [
      { type: "TOOL_CALL_RESULT", messageId: "m", toolCallId: "t", content: { a: 1 } },
      "/content",
      "must be a string or",
    ],
    [
      {
        type: "TOOL_CALL_RESULT",
        messageId: "m",
        toolCallId: "t",
        content: [{ type: "image", source: { type: "data" } }],
      },
      "/content/0/source/value",
      "is required",
    ],
    [{ type: "CUSTOM", name: "n" }, "/value", "is required"],
    [
      { type: "CUSTOM", name: "n", value: { list: [1n] } },
      "/value/list/0",
      "must be a JSON value, not a bigint",
    ],
    [
      { type: "ACTIVITY_SNAPSHOT", messageId: "m", activityType: "A", content: {}, replace: 1 },
      "/replace",
      "must be true",
    ],
  ];

  test.each(invalid)("%o: %s %s", (event, path, problem) => {
    const error = errorOf(() => encodeEvent(event as AguiEvent));
    expect(error).toBeInstanceOf(InvalidEventError);
    expect((error as InvalidEventError).path).toBe(path);
    expect((error as Error).message).toContain(`${path} ${problem}`);
  });

  test("says which value is nested too deep", () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });
    const event = (depth: number): AguiEvent => ({ type: "CUSTOM", name: "n", value: [nested(depth)] });
    expect(decodeEvent(encodeEvent(event(29)))).toEqual(event(29));
    const error = errorOf(() => encodeEvent(event(30)));
    expect(error).toBeInstanceOf(TooDeepError);
    expect((error as TooDeepError).path).toBe(`/value/0${"/a".repeat(29)}`);
    expect((error as Error).message).toContain("must not be nested more than 30 deep");
  });

  test("of a type that AG-UI does not have says so", () => {
    const error = errorOf(() => encodeEvent({ type: "THINKING_START" } as never));
    expect(error).toBeInstanceOf(UnknownEventTypeError);
    expect((error as UnknownEventTypeError).eventType).toBe("THINKING_START");
  });

  test("does not stop the next one", () => {
    for (const [event] of invalid) {
      errorOf(() => encodeEvent(event as AguiEvent));
      const next: AguiEvent = { type: "STEP_STARTED", stepName: "s" };
      expect(decodeEvent(encodeEvent(next))).toEqual(next);
    }
  });
});

function errorOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown");
}
