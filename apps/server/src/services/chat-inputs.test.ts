import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { type Json, toolToMessage } from "@dragoman/agui";
import {
  ChatControl_Action as Action,
  type ChatAccepted,
  ChatMode,
  type ChatRejected,
  ChatDisposition as Disposition,
  SendChatInputRequestSchema,
  ChatStatus_State as State,
} from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { held, isHeld } from "../testing/script-run.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { Talk } from "../testing/talk.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, refusedCall, type WireName, type Wires, wireNames } from "../testing/wires.ts";

let server: TestServer;
let wires: Wires;
let all: Services;
beforeAll(async () => {
  server = await startTestServer({ heartbeatMs: "200" });
  wires = openWires(server.url);
  all = servicesOver(wires.transport("gRPC"));
});
afterAll(async () => {
  wires.close();
  await server.close();
});

const say = (id: string, content: string) => {
  return { input: { case: "message", value: { id, role: "user", content } } } as const;
};
const control = (action: Action) => ({ input: { case: "control", value: { action } } }) as const;
const value = (json: Json) => fromJson(ValueSchema, json as JsonValue);
const heldRun = { agentId: "script", forwardedProps: value(held) };
let chatCount = 0;
const newChat = () => `inputs-${++chatCount}`;

describe.each(wireNames)("one call for each input, over %s", (name: WireName) => {
  test("does what a stream does; the session is observed", async () => {
    const { chat, sessions } = servicesOver(wires.transport(name));
    const sent = await chat.sendChatInput({ agentId: "demo", input: say("m1", "say hello") });
    expect(sent).toMatchObject({ disposition: Disposition.STARTED, messageId: "m1", afterSequence: 0n });
    const { chatId, afterSequence, logId, runId } = sent;
    const kinds: string[] = [];
    for await (const { item } of sessions.observeSession({ sessionId: chatId, afterSequence, logId })) {
      if (item.case === "event") kinds.push(item.value.event.case ?? "");
    }
    expect(kinds.at(-1)).toBe("runFinished");
    expect(await chat.sendChatInput({ chatId, input: say("m1", "say hello") })).toMatchObject({
      disposition: Disposition.STARTED,
      runId,
      afterSequence: 0n,
    });
    expect(await chat.sendChatInput({ chatId, input: control(Action.PAUSE) })).toMatchObject({
      disposition: Disposition.DONE,
      status: { state: State.IDLE },
    });
    const made = await chat.sendChatInput({ chatId, input: say("", "say hello") });
    expect(made.messageId).not.toBe("");
    expect(made.afterSequence).toBe(BigInt(kinds.length));
  });
});

describe("what is wrong with one input", () => {
  test.each([
    ["no such chat", { input: control(Action.CANCEL) }, Code.NotFound, "SESSION_NOT_FOUND"],
    ["no such agent", { agentId: "nobody", input: say("m", "hi") }, Code.NotFound, "AGENT_NOT_FOUND"],
    ["no input", {}, Code.InvalidArgument, "INVALID_REQUEST"],
    ["no action", { input: control(Action.UNSPECIFIED) }, Code.InvalidArgument, "INVALID_REQUEST"],
    [
      "a role that says nothing",
      { input: { input: { case: "message", value: { id: "m", role: "assistant", content: "" } } } },
      Code.InvalidArgument,
      "INVALID_INPUT",
    ],
    [
      "a message that is none",
      { input: { input: { case: "message", value: { id: "\u0000", role: "user" } } } },
      Code.InvalidArgument,
      "INVALID_INPUT",
    ],
    [
      "too much text",
      { input: say("m", "x".repeat(4 * 1024 * 1024 - 1_100)) },
      Code.ResourceExhausted,
      "LIMIT_REACHED",
    ],
  ] as const)("%s", async (what, fields, code, reason) => {
    const request = create(SendChatInputRequestSchema, { chatId: newChat(), ...(fields as object) });
    expect(await refusedCall(all.chat.sendChatInput(request)), what).toMatchObject({ code, reason });
  });

  test("what is named is not there, or decided", async () => {
    const chatId = newChat();
    await all.chat.sendChatInput({ chatId, agentId: "demo", input: say("m1", "say hello") });
    const refused = (input: object, more: object = {}) =>
      refusedCall(all.chat.sendChatInput(create(SendChatInputRequestSchema, { chatId, input, ...more })));
    expect(await refused(say("m1", "say something else"))).toMatchObject({
      code: Code.AlreadyExists,
      reason: "RUN_EXISTS",
    });
    const toolResult = { input: { case: "toolResult", value: { toolCallId: "nothing", content: "" } } };
    expect(await refused(toolResult)).toMatchObject({ code: Code.NotFound, reason: "TOOL_CALL_NOT_FOUND" });
    const answer = { interruptId: "nothing", status: "cancelled" };
    expect(await refused({ input: { case: "interruptAnswer", value: answer } })).toMatchObject({
      code: Code.NotFound,
      reason: "INTERRUPT_NOT_FOUND",
    });
    await all.sessions.endSession({ sessionId: chatId });
    expect(await refused(say("m2", "hi"))).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "SESSION_ENDED",
    });
  });
});

describe("a stream", () => {
  test.each([
    ["begins with nothing", [], "INVALID_REQUEST"],
    ["begins with an input", [{ case: "input", value: say("m", "hi") }], "INVALID_REQUEST"],
    [
      "is opened twice",
      [
        { case: "init", value: {} },
        { case: "init", value: {} },
      ],
      "INVALID_REQUEST",
    ],
    ["is for no agent", [{ case: "init", value: { agentId: "nobody" } }], "AGENT_NOT_FOUND"],
    ["goes on ahead of the log", [{ case: "init", value: { afterSequence: 9n } }], "CURSOR_AHEAD"],
    [
      "is of another log",
      [{ case: "init", value: { afterSequence: 0n, logId: "x" } }],
      "CURSOR_OF_ANOTHER_LOG",
    ],
  ] as const)("that %s is refused", async (_, requests, reason) => {
    const talk = new Talk(all);
    for (const request of requests) talk.request({ request: request as never });
    if (requests.length === 0) talk.done();
    await talk.ended;
    expect(talk.reason).toBe(reason);
  });

  test("of an ended session is refused; one that is open rejects what comes late", async () => {
    const chatId = newChat();
    const talk = new Talk(all, { chatId });
    await talk.until(({ statuses }) => statuses.length === 1, "the status");
    await all.sessions.endSession({ sessionId: chatId });
    await talk.until(({ statuses }) => statuses.at(-1)?.state === State.ENDED, "the end");
    talk.say("m", "hi");
    expect(await talk.decided(1)).toMatchObject({ reason: "SESSION_ENDED", code: Code.FailedPrecondition });
    talk.done();
    await talk.ended;
    expect(talk.outcome).toBe("ok");
    const late = new Talk(all, { chatId });
    await late.ended;
    expect(late.reason).toBe("SESSION_ENDED");
  });

  test("decides what is wrong and what is right in order, and goes on", async () => {
    const talk = new Talk(all, { agentId: "demo" });
    talk.say("m1", "say hello");
    talk.input({ case: "toolResult", value: { toolCallId: "", content: "" } });
    talk.input({ case: undefined });
    talk.input({ case: "message", value: { id: "m2", role: "tool", content: "x" } });
    talk.control(99 as Action);
    talk.say("m1", "say goodbye");
    talk.say("m3", "say hello");
    await talk.decided(7);
    talk.done();
    await talk.ended;
    expect(talk.outcome).toBe("ok");
    expect(talk.decisions.map(({ inputNumber }) => inputNumber)).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n]);
    const [first, ...rest] = talk.decisions;
    expect(first).toMatchObject({ disposition: Disposition.STARTED });
    expect(rest.map((one) => ("reason" in one ? one.reason : one.disposition))).toEqual([
      "INVALID_REQUEST",
      "INVALID_REQUEST",
      "INVALID_INPUT",
      "INVALID_REQUEST",
      "RUN_EXISTS",
      Disposition.QUEUED,
    ]);
    const [, broken] = talk.decisions as ChatRejected[];
    expect(broken).toMatchObject({ code: Code.InvalidArgument, metadata: { violations: "1" } });
    expect(broken?.message).toContain("tool_call_id");
  });

  test("that is flooded decides each in order; beyond the queue inputs are rejected by name", async () => {
    const talk = new Talk(all, heldRun);
    for (let n = 1; n <= 60; n++) talk.say(`m${n}`, `message ${n}`);
    await talk.decided(60);
    const accepted = talk.decisions.filter((one): one is ChatAccepted => "disposition" in one);
    expect(accepted).toHaveLength(17);
    const rejected = talk.decisions.filter((one): one is ChatRejected => "reason" in one);
    for (const { reason, metadata } of rejected)
      expect([reason, metadata.limit]).toEqual(["LIMIT_REACHED", "queuedRunsMax"]);
    await talk.until(({ statuses }) => statuses.at(-1)?.queuedRunCount === 16, "the queue");
    talk.control(Action.RESET);
    await talk.decided(61);
    talk.done();
    await talk.ended;
    expect(talk.outcome).toBe("ok");
  });

  test("is controlled: paused, resumed, cancelled and reset, and tells where it stands", async () => {
    const talk = new Talk(all, { agentId: "demo" });
    const stands = (state: State) =>
      talk.until(({ statuses }) => statuses.at(-1)?.state === state, State[state]);
    talk.say("m1", "count to 600 every 5 ms");
    await talk.until(({ events }) => events.length > 10, "events");
    talk.control(Action.PAUSE);
    await stands(State.PAUSED);
    await talk.decided(2);
    const atPause = talk.events.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    // What was on its way when the pause came, and no more.
    expect(talk.events.length - atPause).toBeLessThanOrEqual(3);
    talk.control(Action.RESUME);
    await stands(State.RUNNING);
    await talk.until(({ events }) => events.length > atPause + 10, "more events");
    talk.say("m2", "say hello");
    talk.control(Action.CANCEL);
    await stands(State.IDLE);
    expect(talk.texts).toMatchObject({ m2: "say hello" });
    const outcomes = talk.events.flatMap(({ event }) =>
      event.type === "RUN_FINISHED" ? [event.outcome?.type] : [],
    );
    expect(outcomes).toEqual(["cancelled", "success"]);
    talk.control(Action.RESET);
    talk.done();
    await talk.ended;
    expect(talk.events.slice(-4).map(({ event }) => event.type)).toEqual([
      "RUN_STARTED",
      "MESSAGES_SNAPSHOT",
      "STATE_SNAPSHOT",
      "RUN_FINISHED",
    ]);
  });

  test("takes the results of tools and the answers to questions", async () => {
    const parameters = { type: "object", properties: { color: { type: "string" } } };
    const tool = toolToMessage({ name: "change_background", description: "Changes it.", parameters });
    const talk = new Talk(all, { agentId: "demo", tools: [tool] });
    talk.say("m1", "change the background to blue");
    await talk.until(
      ({ statuses }) => statuses.length > 1 && statuses.at(-1)?.state === State.IDLE,
      "the call",
    );
    const call = talk.events.map(({ event }) => event).find(({ type }) => type === "TOOL_CALL_START");
    const toolCallId = call?.type === "TOOL_CALL_START" ? call.toolCallId : "";
    talk.input({ case: "toolResult", value: { toolCallId, content: "It is blue." } });
    expect(await talk.decided(2)).toMatchObject({ disposition: Disposition.STARTED });
    await talk.until(
      ({ texts }) => Object.values(texts).join().includes("answered: It is blue."),
      "the answer",
    );
    talk.input({ case: "toolResult", value: { toolCallId, content: "It is red." } });
    expect(await talk.decided(3)).toMatchObject({ reason: "TOOL_CALL_ANSWERED" });
    talk.say("m2", "delete all notes");
    await talk.until(({ statuses }) => statuses.at(-1)?.state === State.INTERRUPTED, "the question");
    const [interruptId = ""] = talk.statuses.at(-1)?.openInterruptIds ?? [];
    const answer = (payload: Json) => {
      const fields = { interruptId, status: "resolved", payload: value(payload) };
      talk.input({ case: "interruptAnswer", value: fields });
    };
    answer({ approved: "maybe" });
    expect(await talk.decided(5)).toMatchObject({ reason: "INVALID_INTERRUPT_PAYLOAD" });
    answer({ approved: false });
    expect(await talk.decided(6)).toMatchObject({ disposition: Disposition.STARTED });
    talk.done();
    await talk.ended;
    expect(Object.values(talk.texts).at(-1)).toBe("All right, I leave it as it is.");
  });

  test("shows two clients the same, whoever speaks", async () => {
    const chatId = newChat();
    const first = new Talk(all, { chatId, agentId: "demo" });
    await first.until(({ items }) => items.length > 0, "the chat");
    const second = new Talk(servicesOver(wires.transport("Connect, HTTP/2")), { chatId });
    await second.until(({ items }) => items.length > 0, "the chat");
    for (let n = 0; n < 6; n++) {
      first.say(`a${n}`, `say a ${n}`);
      second.say(`b${n}`, `say b ${n}`);
      // Both say the same once more: it counts once.
      second.say(`a${n}`, `say a ${n}`);
    }
    await first.decided(6);
    await second.decided(12);
    first.done();
    second.done();
    await Promise.all([first.ended, second.ended]);
    expect([first.outcome, second.outcome]).toEqual(["ok", "ok"]);
    expect(first.events).toEqual(second.events);
    const said = Object.keys(first.texts).filter((id) => /^[ab]\d$/.test(id));
    expect(said.toSorted()).toEqual([0, 1, 2, 3, 4, 5].flatMap((n) => [`a${n}`, `b${n}`]).toSorted());
    expect(first.events.filter(({ event }) => event.type === "RUN_STARTED")).toHaveLength(12);
  });

  test("that is dropped ends nothing: its run goes on", async () => {
    const talk = new Talk(all, { ...heldRun, mode: ChatMode.STEER });
    talk.say("m1", "hi");
    await talk.until(({ items }) => items.some(isHeld as never), "the agent");
    talk.leave();
    await talk.ended;
    const ready = talk.items[0]?.item;
    const chatId = ready?.case === "ready" ? ready.value.chatId : "";
    const { status } = await all.chat.sendChatInput({ chatId, input: control(Action.CANCEL) });
    expect(status?.runId).not.toBe("");
  });
});
