import { describe, expect, test } from "vitest";
import * as e from "../../test/events.ts";
import { playToStockClient } from "../../test/stock-client.ts";
import type { AguiEvent, Json, Message } from "../types.ts";
import type { RuleWarning } from "../verify/rules.ts";
import { createReducer, type ReducerOptions } from "./reducer.ts";

function reduce(stream: readonly AguiEvent[], options: ReducerOptions = {}) {
  const warnings: RuleWarning[] = [];
  const reducer = createReducer({ ...options, onWarning: (warning) => warnings.push(warning) });
  for (const event of stream) reducer.push(event);
  return { reducer, rules: warnings.map(({ rule }) => rule), warnings };
}

/** A run around some events. */
const run = (...events: AguiEvent[]): AguiEvent[] => [e.runStarted(), ...events, e.runFinished()];
const user = (id: string, content = "hi"): Message => ({ id, role: "user", content });
const caller = (id: string, ...calls: string[]): Message => ({
  id,
  role: "assistant",
  toolCalls: calls.map((call) => ({
    id: call,
    type: "function",
    function: { name: "search", arguments: "{}" },
  })),
});
const activity = (content: Record<string, unknown>, extra = {}): AguiEvent => ({
  type: "ACTIVITY_SNAPSHOT",
  messageId: "a1",
  activityType: "PLAN",
  content,
  ...extra,
});
const snapshot = (messages: Message[], metadata?: Record<string, unknown>): AguiEvent => ({
  type: "MESSAGES_SNAPSHOT",
  messages,
  ...(metadata === undefined ? {} : { metadata }),
});

describe("messages become what the stock client holds", () => {
  const call = [e.toolStart("c1"), e.toolArgs("c1", '{"q":'), e.toolArgs("c1", "1}"), e.toolEnd("c1")];
  const assistant = { id: "m1", role: "assistant" };
  const cases: [string, AguiEvent[], unknown, Message[]?][] = [
    [
      "text",
      [e.textStart("m1"), e.text("m1", "a"), e.text("m1", "b"), e.textEnd("m1")],
      [{ ...assistant, content: "ab" }],
    ],
    [
      "text that is opened again",
      [
        e.textStart("m1"),
        e.text("m1", "a"),
        e.textEnd("m1"),
        e.textStart("m1", { role: "user" }),
        e.text("m1", "b"),
        e.textEnd("m1"),
      ],
      [{ ...assistant, content: "ab" }],
    ],
    [
      "a role, a name, a subagent",
      [e.textStart("m1", { role: "user", name: "Ada", subagentRunId: "s1" }), e.textEnd("m1")],
      [{ id: "m1", role: "user", name: "Ada", subagentRunId: "s1", content: "" }],
    ],
    [
      "metadata, the last of a key winning",
      [
        e.textStart("m1", { metadata: { k: 1, l: { deep: 1 } } }),
        e.text("m1", "", { metadata: { k: 2 } }),
        e.textEnd("m1", { metadata: { l: { other: 1 } } }),
      ],
      [{ ...assistant, content: "", metadata: { k: 2, l: { other: 1 } } }],
    ],
    [
      "a tool call in a message of its own",
      call,
      [
        {
          id: "c1",
          role: "assistant",
          toolCalls: [{ id: "c1", type: "function", function: { name: "search", arguments: '{"q":1}' } }],
        },
      ],
    ],
    [
      "metadata of a tool call",
      [
        e.toolStart("c1", { metadata: { k: 1 } }),
        e.toolArgs("c1", "", { metadata: { l: 1 } }),
        e.toolEnd("c1", { metadata: { k: 2 } }),
      ],
      [expect.objectContaining({ toolCalls: [expect.objectContaining({ metadata: { k: 2, l: 1 } })] })],
    ],
    [
      "a tool call in its parent",
      [e.textStart("m1"), e.textEnd("m1"), e.toolStart("c1", { parentMessageId: "m1" }), e.toolEnd("c1")],
      [
        expect.objectContaining({
          id: "m1",
          content: "",
          toolCalls: [expect.objectContaining({ id: "c1" })],
        }),
      ],
    ],
    [
      "a tool call whose parent comes later",
      [
        e.toolStart("c1", { parentMessageId: "m1" }),
        e.toolEnd("c1"),
        e.textStart("m1"),
        e.text("m1", "a"),
        e.textEnd("m1"),
      ],
      [
        expect.objectContaining({
          id: "m1",
          content: "a",
          toolCalls: [expect.objectContaining({ id: "c1" })],
        }),
      ],
    ],
    [
      "a tool call whose parent is no assistant",
      [e.toolStart("c1", { parentMessageId: "u1" }), e.toolEnd("c1")],
      [user("u1"), expect.objectContaining({ id: "c1", role: "assistant" })],
      [user("u1")],
    ],
    [
      "results behind the call, in their order",
      [...call, e.textStart("m2"), e.textEnd("m2"), e.toolResult("c1", "r1"), e.toolResult("c1", "r2")],
      [{ id: "c1" }, { id: "r1" }, { id: "r2" }, { id: "m2" }].map((part) => expect.objectContaining(part)),
    ],
    [
      "a result of parts, with its executor",
      [
        ...call,
        {
          type: "TOOL_CALL_RESULT",
          messageId: "r1",
          toolCallId: "c1",
          content: [{ type: "text", text: "x" }],
          subagentRunId: "s1",
          metadata: { k: 1 },
        },
      ],
      [
        expect.objectContaining({ id: "c1" }),
        {
          id: "r1",
          role: "tool",
          toolCallId: "c1",
          content: [{ type: "text", text: "x" }],
          subagentRunId: "s1",
          metadata: { k: 1 },
        },
      ],
    ],
    [
      "a result of nothing at the end",
      [e.toolResult("c9", "r1")],
      [user("u1"), expect.objectContaining({ id: "r1" })],
      [user("u1")],
    ],
    ["the input of the run, where it is new", [], [user("u1"), user("u2")], [user("u1")]],
    [
      "reasoning",
      [e.thoughtStart("m1", { subagentRunId: "s1" }), e.thought("m1", "hm"), e.thoughtEnd("m1")],
      [{ id: "m1", role: "reasoning", content: "hm", subagentRunId: "s1" }],
    ],
    [
      "encrypted values",
      [
        ...call,
        e.thoughtStart("m1"),
        e.thoughtEnd("m1"),
        { type: "REASONING_ENCRYPTED_VALUE", subtype: "message", entityId: "m1", encryptedValue: "v1" },
        { type: "REASONING_ENCRYPTED_VALUE", subtype: "tool-call", entityId: "c1", encryptedValue: "v2" },
        { type: "REASONING_ENCRYPTED_VALUE", subtype: "tool-call", entityId: "none", encryptedValue: "v3" },
      ],
      [
        expect.objectContaining({ toolCalls: [expect.objectContaining({ encryptedValue: "v2" })] }),
        expect.objectContaining({ id: "m1", encryptedValue: "v1" }),
      ],
    ],
    [
      "an activity and its patch",
      [
        activity({ steps: [] }, { metadata: { k: 1 } }),
        {
          type: "ACTIVITY_DELTA",
          messageId: "a1",
          activityType: "SEARCH",
          patch: [{ op: "add", path: "/steps/-", value: 1 }],
          metadata: { l: 1 },
        },
      ],
      [
        {
          id: "a1",
          role: "activity",
          activityType: "SEARCH",
          content: { steps: [1] },
          metadata: { k: 1, l: 1 },
        },
      ],
    ],
    [
      "an activity that is replaced",
      [activity({ a: 1 }, { subagentRunId: "s1", metadata: { k: 1 } }), activity({ b: 1 })],
      [{ id: "a1", role: "activity", activityType: "PLAN", content: { b: 1 }, metadata: { k: 1 } }],
    ],
    [
      "an activity that is not replaced",
      [activity({ a: 1 }), activity({ b: 1 }, { replace: false, metadata: { k: 1 } })],
      [{ id: "a1", role: "activity", activityType: "PLAN", content: { a: 1 }, metadata: { k: 1 } }],
    ],
    [
      "an activity over another message",
      [activity({ a: 1 })],
      [{ id: "a1", role: "activity", activityType: "PLAN", content: { a: 1 } }, user("u1")],
      [user("a1"), user("u1")],
    ],
    [
      "a message that no activity replaces",
      [activity({ a: 1 }, { replace: false })],
      [user("a1")],
      [user("a1")],
    ],
    [
      "a snapshot, by id",
      [snapshot([user("u2", "new"), user("u1", "changed")])],
      [user("u1", "changed"), user("u2", "new")],
      [user("u0"), user("u1")],
    ],
    [
      "reasoning and activities that a snapshot shows none of",
      [snapshot([user("u1")])],
      [{ id: "a1" }, { id: "m1" }, { id: "u1" }].map((part) => expect.objectContaining(part)),
      [
        { id: "a1", role: "activity", activityType: "PLAN", content: {} },
        { id: "m1", role: "reasoning", content: "" },
        user("u1"),
        user("u2"),
      ],
    ],
    [
      "no reasoning and activities beside those of a snapshot",
      [
        snapshot([
          { id: "a2", role: "activity", activityType: "PLAN", content: {} },
          { id: "m2", role: "reasoning", content: "" },
        ]),
      ],
      [{ id: "a2" }, { id: "m2" }].map((part) => expect.objectContaining(part)),
      [
        { id: "a1", role: "activity", activityType: "SEARCH", content: {} },
        { id: "m1", role: "reasoning", content: "" },
      ],
    ],
    [
      "the activities that a snapshot does not claim",
      [snapshot([], { "@ag-ui/client": { authoritativeActivityTypes: ["PLAN"] } })],
      [expect.objectContaining({ id: "a2" })],
      [
        { id: "a1", role: "activity", activityType: "PLAN", content: {} },
        { id: "a2", role: "activity", activityType: "SEARCH", content: {} },
      ],
    ],
    [
      "text after a snapshot",
      [
        e.textStart("m1"),
        e.text("m1", "a"),
        snapshot([{ id: "m1", role: "assistant", content: "A" }]),
        e.text("m1", "b"),
        e.textEnd("m1"),
      ],
      [{ ...assistant, content: "Ab" }],
    ],
  ];

  test.each(cases)("%s", async (name, events, expected, messages = []) => {
    const input = name.startsWith("the input")
      ? { threadId: "t1", runId: "r1", messages: [user("u1", "other"), user("u2")] }
      : undefined;
    const stream = run(...events).map((event) =>
      event.type === "RUN_STARTED" && input !== undefined ? { ...event, input } : event,
    );
    const { reducer } = reduce(stream, { messages });
    expect(reducer.messages).toEqual(expected);
    const stock = await playToStockClient(stream, { messages });
    expect(stock.error).toBeUndefined();
    expect(reducer.messages).toEqual(stock.messages);
    expect(reducer.snapshotMessages()).toEqual(stock.messages);
  });
});

describe("state", () => {
  test("is replaced by snapshots, whatever they hold", () => {
    for (const value of [null, false, 0, "", [], { a: 1 }]) {
      expect(
        reduce([{ type: "STATE_SNAPSHOT", snapshot: value }], { state: { b: 1 } }).reducer.state,
      ).toEqual(value);
    }
    expect(createReducer().state).toEqual({});
    expect(createReducer({ state: null }).state).toBeNull();
  });

  test("is patched, and earlier states stay as they were", () => {
    const reducer = createReducer({ state: { list: [1] } });
    const before = reducer.state;
    reducer.push({ type: "STATE_DELTA", delta: [{ op: "add", path: "/list/-", value: 2 }] });
    expect(reducer.state).toEqual({ list: [1, 2] });
    expect(before).toEqual({ list: [1] });
  });

  test("a patch that fails half-way changes nothing and is warned about", () => {
    const { reducer, warnings } = reduce(
      [
        {
          type: "STATE_DELTA",
          delta: [
            { op: "add", path: "/b", value: 1 },
            { op: "remove", path: "/none" },
          ],
        },
      ],
      { state: { a: 1 } },
    );
    expect(reducer.state).toEqual({ a: 1 });
    expect(warnings).toEqual([
      { rule: "patch_not_applicable", message: expect.stringContaining("STATE_DELTA") },
    ]);
  });

  test("an activity's patch that fails half-way changes nothing but metadata", () => {
    const { reducer, rules } = reduce([
      activity({ a: 1 }),
      {
        type: "ACTIVITY_DELTA",
        messageId: "a1",
        activityType: "SEARCH",
        patch: [
          { op: "add", path: "/b", value: 1 },
          { op: "test", path: "/a", value: 2 },
        ],
        metadata: { k: 1 },
      },
      {
        type: "ACTIVITY_DELTA",
        messageId: "a1",
        activityType: "PLAN",
        patch: [{ op: "replace", path: "", value: 1 }],
      },
    ]);
    expect(reducer.messages).toEqual([
      { id: "a1", role: "activity", activityType: "PLAN", content: { a: 1 }, metadata: { k: 1 } },
    ]);
    expect(rules).toEqual(["patch_not_applicable", "patch_result_unshowable"]);
  });

  test("a patch that makes what no snapshot shows changes nothing, and is told from one that does not apply", () => {
    const { reducer, rules } = reduce(
      [
        { type: "STATE_DELTA", delta: [{ op: "add", path: "/b", value: nested(30) }] },
        { type: "STATE_DELTA", delta: Array.from({ length: 30 }, () => doubling) },
        { type: "STATE_DELTA", delta: [{ op: "remove", path: "/none" }] },
      ],
      { state: { a: ["x"] } },
    );
    expect(reducer.state).toEqual({ a: ["x"] });
    expect(rules).toEqual(["patch_result_unshowable", "patch_result_unshowable", "patch_not_applicable"]);
  });
});

const nested = (levels: number): Json => (levels === 0 ? 1 : [nested(levels - 1)]);
const doubling = { op: "copy", from: "/a", path: "/a/-" } as const;

describe("pending", () => {
  const interrupted: AguiEvent = {
    type: "RUN_FINISHED",
    threadId: "t1",
    runId: "r1",
    outcome: { type: "interrupt", interrupts: [{ id: "i1", reason: "approval" }] },
  };

  test("interrupts are those of the last RUN_FINISHED", () => {
    const { reducer } = reduce([e.runStarted(), interrupted]);
    expect(reducer.pendingInterrupts).toEqual([{ id: "i1", reason: "approval" }]);
    reducer.push(e.runStarted("r2"));
    reducer.push(e.runError);
    expect(reducer.pendingInterrupts).toHaveLength(1);
    for (const event of run()) reducer.push(event);
    expect(reducer.pendingInterrupts).toEqual([]);
  });

  test("tool calls are those of the run without a result", async () => {
    const calls = [
      e.toolStart("c1"),
      e.toolEnd("c1"),
      e.toolStart("c2"),
      e.toolEnd("c2"),
      e.toolResult("c1", "r1"),
    ];
    const { reducer } = reduce(run(...calls));
    expect(reducer.pendingToolCallIds).toEqual(["c2"]);
    expect((await playToStockClient(run(...calls))).pendingToolCallIds).toEqual([["c2"]]);
    reducer.push(e.runStarted("r2"));
    expect(reducer.pendingToolCallIds).toEqual([]);
  });

  test("tool calls are those that RUN_FINISHED names, if it does", () => {
    const finish = (pendingToolCallIds: string[]): AguiEvent => ({
      type: "RUN_FINISHED",
      threadId: "t1",
      runId: "r1",
      outcome: { type: "success", pendingToolCallIds },
    });
    const calls = [e.runStarted(), e.toolStart("c1"), e.toolEnd("c1")];
    expect(reduce([...calls, finish(["c7"])]).reducer.pendingToolCallIds).toEqual(["c7"]);
    expect(reduce([...calls, finish([])]).reducer.pendingToolCallIds).toEqual(["c1"]);
  });
});

test("what does not fit is warned about and never thrown", () => {
  const { rules } = reduce(
    [
      e.text("none"),
      e.textEnd("none"),
      e.toolArgs("none"),
      e.toolEnd("none"),
      e.toolResult("none", "r1"),
      { type: "ACTIVITY_DELTA", messageId: "none", activityType: "PLAN", patch: [] },
      { type: "ACTIVITY_DELTA", messageId: "u1", activityType: "PLAN", patch: [] },
      e.textStart("a1"),
      e.text("a1"),
      e.thoughtEnd("a1"),
      e.toolStart("c1", { parentMessageId: "u1" }),
      { type: "TOOL_CALL_START", toolCallId: "c1", toolCallName: "find" },
      { type: "TEXT_MESSAGE_CHUNK", messageId: "m1", delta: "a" },
    ],
    { messages: [user("u1"), { id: "a1", role: "activity", activityType: "PLAN", content: {} }] },
  );
  expect(rules).toEqual([
    "unknown_message",
    "unknown_message",
    "unknown_tool_call",
    "unknown_tool_call",
    "orphan_tool_result",
    "unknown_message",
    "message_kind_mismatch",
    "message_kind_mismatch",
    "message_kind_mismatch",
    "message_kind_mismatch",
    "message_kind_mismatch",
    "tool_call_renamed",
    "chunk_not_expanded",
  ]);
});

describe("aliasing", () => {
  test("neither the initial messages nor events are changed", () => {
    const messages = [caller("m1", "c1")];
    const restated = snapshot([caller("m1", "c1"), user("u1")]);
    const state: AguiEvent = { type: "STATE_SNAPSHOT", snapshot: { list: [] } };
    const added: AguiEvent = { type: "STATE_DELTA", delta: [{ op: "add", path: "/a", value: { b: [] } }] };
    const shown = activity({ steps: [] });
    const all = { messages, restated, state, added, shown };
    const before = structuredClone(all);
    reduce(
      [
        e.toolArgs("c1", "x"),
        e.textStart("m1", { metadata: { k: 1 } }),
        e.text("m1", "x"),
        restated,
        e.toolArgs("c1", "x"),
        e.text("u1", "x"),
        state,
        { type: "STATE_DELTA", delta: [{ op: "add", path: "/list/-", value: 1 }] },
        added,
        { type: "STATE_DELTA", delta: [{ op: "add", path: "/a/b/-", value: 1 }] },
        shown,
        {
          type: "ACTIVITY_DELTA",
          messageId: "a1",
          activityType: "PLAN",
          patch: [{ op: "add", path: "/steps/-", value: 1 }],
        },
      ],
      { messages },
    );
    expect(all).toEqual(before);
  });

  test("a snapshot stays as it is", () => {
    const { reducer } = reduce([
      e.textStart("m1"),
      e.text("m1", "a"),
      e.toolStart("c1", { parentMessageId: "m1" }),
    ]);
    const taken = reducer.snapshotMessages();
    const before = structuredClone(taken);
    reducer.push(e.text("m1", "b"));
    reducer.push(e.toolArgs("c1", "{}"));
    expect(taken).toEqual(before);
    expect(reducer.message("m1")).toMatchObject({ content: "ab" });
    expect(reducer.toolCall("c1")).toMatchObject({ function: { arguments: "{}" } });
  });
});

test("a snapshot shows the owner of reasoning that only its span names", () => {
  const { reducer } = reduce([
    e.runStarted(),
    e.reasoningStart("m1", { subagentRunId: "s1" }),
    e.thoughtStart("m1"),
  ]);
  expect(reducer.messages).toEqual([{ id: "m1", role: "reasoning", content: "" }]);
  expect(reducer.snapshotMessages()).toEqual([
    { id: "m1", role: "reasoning", content: "", subagentRunId: "s1" },
  ]);
});
