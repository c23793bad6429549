import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { playToStockClient } from "../../test/stock-client.ts";
import { createReducer } from "../reduce/reducer.ts";
import type { AguiEvent, Json } from "../types.ts";
import { createVerifier } from "../verify/verifier.ts";
import type { EventBuilder, EventSource } from "./builder.ts";
import { createEventBuilder } from "./create-builder.ts";
import { splitText } from "./split-text.ts";

function builder(): EventBuilder {
  let ids = 0;
  return createEventBuilder({
    threadId: "t1",
    runId: "r1",
    newId: () => {
      ids += 1;
      return `id${ids}`;
    },
  });
}

async function collect<Result>(
  source: EventSource<Result>,
): Promise<{ events: AguiEvent[]; result: Result }> {
  const events: AguiEvent[] = [];
  for (;;) {
    const next = await source.next();
    if (next.done) return { events, result: next.value };
    events.push(next.value);
  }
}

/** The events of a run of some work, checked by the verifier and the stock client. */
async function runOf(work: (events: EventBuilder) => EventSource) {
  const events = builder();
  const stream = [events.runStarted(), ...(await collect(work(events))).events, events.finish()];
  const verifier = createVerifier();
  const reducer = createReducer();
  for (const event of stream) {
    verifier.push(event);
    reducer.push(event);
  }
  verifier.end();
  const stock = await playToStockClient(stream);
  expect(stock.error).toBeUndefined();
  expect(reducer.messages).toEqual(stock.messages);
  return { events: stream.slice(1, -1), messages: stock.messages, state: stock.state };
}

async function* pieces(...texts: string[]): AsyncGenerator<string> {
  yield* texts;
}

async function* broken(): AsyncGenerator<string> {
  yield "half";
  throw new Error("the model is gone");
}

describe("messages", () => {
  test("text", async () => {
    const { result, events } = await collect(
      builder().text("Hello", { chunkSize: 3, role: "user", name: "Ada", metadata: { k: 1 } }),
    );
    expect(result).toBe("id1");
    expect(events).toEqual([
      { type: "TEXT_MESSAGE_START", messageId: "id1", role: "user", name: "Ada", metadata: { k: 1 } },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "id1", delta: "Hel" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "id1", delta: "lo" },
      { type: "TEXT_MESSAGE_END", messageId: "id1" },
    ]);
  });

  test("text that streams, and is taken up again", async () => {
    const { messages } = await runOf(async function* (events) {
      const messageId = yield* events.textStream(pieces("a", "", "b"));
      yield* events.text("c", { messageId });
      yield* events.text("");
    });
    expect(messages).toMatchObject([{ content: "abc" }, { content: "" }]);
  });

  test("reasoning", async () => {
    const { messages, events } = await runOf(async function* (run) {
      yield* run.reasoning("I think", { encryptedValue: "secret", chunkSize: 2 });
      yield* run.reasoningStream(pieces("so", "..."), { encryptedValue: "more" });
    });
    expect(messages).toMatchObject([
      { role: "reasoning", content: "I think", encryptedValue: "secret" },
      { role: "reasoning", content: "so...", encryptedValue: "more" },
    ]);
    expect(events[0]?.type).toBe("REASONING_START");
    expect(events.at(-1)?.type).toBe("REASONING_END");
  });

  test("tool calls and their results", async () => {
    const { messages, events } = await runOf(async function* (run) {
      const parentMessageId = yield* run.text("Let me see");
      const call = yield* run.toolCall({
        name: "search",
        args: { q: 1 },
        parentMessageId,
        chunkSize: 2,
        metadata: { k: 1 },
      });
      yield run.toolResult(call, { found: true });
      yield* run.toolCall({ name: "clock", result: "12:00", toolCallId: "c2" });
      yield* run.toolCall({ name: "look", args: "{}", result: [{ type: "text", text: "a" }] });
      yield* run.toolCall({ name: "count", result: [1, 2] });
      yield* run.toolCall({ name: "none", result: [] });
    });
    expect(messages).toMatchObject([
      {
        content: "Let me see",
        toolCalls: [{ function: { name: "search", arguments: '{"q":1}' }, metadata: { k: 1 } }],
      },
      { role: "tool", content: '{"found":true}' },
      { id: "c2", toolCalls: [{ function: { name: "clock", arguments: "{}" } }] },
      { role: "tool", toolCallId: "c2", content: "12:00" },
      { toolCalls: [{ function: { arguments: "{}" } }] },
      { role: "tool", content: [{ type: "text", text: "a" }] },
      {},
      { role: "tool", content: "[1,2]" },
      {},
      { role: "tool", content: "[]" },
    ]);
    expect(events.filter(({ type }) => type === "TOOL_CALL_ARGS")).toHaveLength(4 + 4);
  });

  test("activities, custom events, snapshots", async () => {
    const { messages, events } = await runOf(async function* (run) {
      const id = yield* run.activity("PLAN", { steps: [] });
      yield run.activityDelta(id, "PLAN", [{ op: "add", path: "/steps/-", value: 1 }]);
      yield run.custom("ping", null);
    });
    expect(messages).toEqual([
      { id: "id1", role: "activity", activityType: "PLAN", content: { steps: [1] } },
    ]);
    expect(events.at(-1)).toEqual({ type: "CUSTOM", name: "ping", value: null });
    expect(builder().messagesSnapshot(messages)).toEqual({ type: "MESSAGES_SNAPSHOT", messages });
  });
});

test("deltas come to the text again, and no pair of surrogates is cut", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 5 }), (text, size) => {
      const deltas = [...splitText(text, size)];
      expect(deltas.join("")).toBe(text);
      expect(deltas.every((delta) => delta !== "" && delta.length <= size + 1 && delta.isWellFormed())).toBe(
        true,
      );
    }),
  );
  expect([...splitText("a😀b", 2)]).toEqual(["a😀", "b"]);
  expect([...splitText("ab", 0)]).toEqual(["a", "b"]);
});

describe("steps and subagents", () => {
  test("nest, return what the work returns, and tag what it makes", async () => {
    const run = builder();
    const { result, events } = await collect(
      run.step("plan", () =>
        run.subagent(
          { name: "researcher", description: "d", parentToolCallId: "c1" },
          async function* (outer) {
            yield* outer.step("read", () => outer.text("hi"));
            return yield* outer.subagent({ name: "reader", subagentRunId: "s2" }, function* (inner) {
              yield inner.custom("n", 1);
              yield inner.toolResult("c1", "x");
              return { pages: 2 };
            });
          },
        ),
      ),
    );
    expect(result).toEqual({ pages: 2 });
    const id1 = { subagentRunId: "id1" };
    const s2 = { subagentRunId: "s2" };
    expect(events).toEqual([
      { type: "STEP_STARTED", stepName: "plan" },
      { type: "SUBAGENT_STARTED", ...id1, name: "researcher", description: "d", parentToolCallId: "c1" },
      { type: "STEP_STARTED", stepName: "read", ...id1 },
      { type: "TEXT_MESSAGE_START", messageId: "id2", role: "assistant", ...id1 },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "id2", delta: "hi", ...id1 },
      { type: "TEXT_MESSAGE_END", messageId: "id2", ...id1 },
      { type: "STEP_FINISHED", stepName: "read", ...id1 },
      { type: "SUBAGENT_STARTED", ...s2, name: "reader", parentSubagentRunId: "id1" },
      { type: "CUSTOM", name: "n", value: 1, ...s2 },
      { type: "TOOL_CALL_RESULT", messageId: "id3", toolCallId: "c1", content: "x", role: "tool", ...s2 },
      { type: "SUBAGENT_FINISHED", ...s2, result: { pages: 2 } },
      { type: "SUBAGENT_FINISHED", ...id1, result: { pages: 2 } },
      { type: "STEP_FINISHED", stepName: "plan" },
    ]);
  });

  test("close what they opened when the work throws, and the error goes on", async () => {
    const { events } = await runOf(async function* (run) {
      try {
        yield* run.step("plan", () =>
          run.subagent({ name: "helper", subagentRunId: "s1" }, (sub) => sub.textStream(broken())),
        );
        expect.unreachable();
      } catch (error) {
        yield* run.text(`Sorry: ${error}`);
      }
      try {
        yield* run.reasoningStream(broken());
        expect.unreachable();
      } catch {
        yield* run.text("Sorry");
      }
    });
    expect(events.map(({ type }) => type).slice(0, 8)).toEqual([
      "STEP_STARTED",
      "SUBAGENT_STARTED",
      "TEXT_MESSAGE_START",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_END",
      "SUBAGENT_ERROR",
      "STEP_FINISHED",
      "TEXT_MESSAGE_START",
    ]);
    expect(events[5]).toEqual({ type: "SUBAGENT_ERROR", subagentRunId: "s1", message: "the model is gone" });
  });

  test("a reader that stops early stops the work", async () => {
    let stopped = false;
    const run = builder();
    const step = run.step("plan", async function* () {
      try {
        yield run.custom("n", 1);
      } finally {
        stopped = true;
      }
    });
    await step.next();
    await step.next();
    await step.return(undefined);
    expect(stopped).toBe(true);
  });
});

describe("state", () => {
  const changeOf = (before: Json, after: Json) => [...builder().diffState(before, after)];
  const large = { text: "x".repeat(200), list: [1, 2, 3] };

  test.each<[string, Json, Json, AguiEvent[]]>([
    ["nothing", { a: [1] }, { a: [1] }, []],
    ["nothing, of plain values", 5, 5, []],
    [
      "a delta",
      large,
      { ...large, list: [1, 2] },
      [{ type: "STATE_DELTA", delta: [{ op: "remove", path: "/list/2" }] }],
    ],
    ["a snapshot where it is shorter", large, { a: 1 }, [{ type: "STATE_SNAPSHOT", snapshot: { a: 1 } }]],
    [
      "a snapshot where a patch would be refused",
      JSON.parse('{"__proto__": {"a": 1, "kept": "long enough for a patch"}}'),
      JSON.parse('{"__proto__": {"a": 2, "kept": "long enough for a patch"}}'),
      [
        {
          type: "STATE_SNAPSHOT",
          snapshot: JSON.parse('{"__proto__": {"a": 2, "kept": "long enough for a patch"}}'),
        },
      ],
    ],
    ["a snapshot of another kind", [], {}, [{ type: "STATE_SNAPSHOT", snapshot: {} }]],
    ["a snapshot of null", large, null, [{ type: "STATE_SNAPSHOT", snapshot: null }]],
    ["a snapshot after null", null, {}, [{ type: "STATE_SNAPSHOT", snapshot: {} }]],
  ])("a difference is %s", (_, before, after, expected) => {
    expect(changeOf(before, after)).toEqual(expected);
  });

  test("a difference leads there", () => {
    // Few keys, so that two documents have much in common.
    const leaf = fc.oneof(
      fc.integer({ min: 0, max: 3 }),
      fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
    );
    const dictionary = (value: fc.Arbitrary<Json>) =>
      fc.dictionary(fc.constantFrom("a", "/", "~1", "list", "long key"), value);
    const document = fc.oneof(dictionary(fc.oneof(leaf, dictionary(leaf))), fc.jsonValue());
    fc.assert(
      fc.property(document, document, (before, after) => {
        const reducer = createReducer({ state: before });
        for (const event of changeOf(before, after)) reducer.push(event);
        expect(reducer.state).toEqual(after);
      }),
      { numRuns: 500 },
    );
  });

  test("snapshots and deltas are tagged as their maker's", async () => {
    const { state } = await runOf(async function* (run) {
      yield run.stateSnapshot({ a: 1 });
      yield* run.subagent({ name: "helper" }, function* (sub) {
        const event = sub.stateDelta([{ op: "add", path: "/b", value: 2 }]);
        expect(event).toMatchObject({ subagentRunId: "id1" });
        yield event;
      });
    });
    expect(state).toEqual({ a: 1, b: 2 });
  });
});

test("terminals", () => {
  const run = builder();
  const ids = { type: "RUN_FINISHED", threadId: "t1", runId: "r1" };
  expect(run.finish()).toEqual({ ...ids, outcome: { type: "success" } });
  expect(run.finish({ result: null, usage: [{ inputTokens: 1 }], pendingToolCallIds: ["c1"] })).toEqual({
    ...ids,
    result: null,
    usage: [{ inputTokens: 1 }],
    outcome: { type: "success", pendingToolCallIds: ["c1"] },
  });
  const interrupts = [{ id: "i1", reason: "approval" }];
  expect(run.interrupt(interrupts)).toEqual({ ...ids, outcome: { type: "interrupt", interrupts } });
  expect(run.interrupt(interrupts, [])).toEqual({
    ...ids,
    outcome: { type: "interrupt", interrupts },
    usage: [],
  });
  expect(run.fail("broke")).toEqual({ type: "RUN_ERROR", message: "broke" });
  expect(run.fail("broke", "overloaded")).toEqual({
    type: "RUN_ERROR",
    message: "broke",
    code: "overloaded",
  });
});

test("ids are random by default", () => {
  const { value } = createEventBuilder({ threadId: "t1", runId: "r1" }).text("a").next();
  expect(value).toMatchObject({ messageId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
});
