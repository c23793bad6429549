import { describe, expect, test } from "vitest";
import * as e from "../../test/events.ts";
import { playToStockClient } from "../../test/stock-client.ts";
import { createReducer } from "../reduce/reducer.ts";
import type { AguiEvent } from "../types.ts";
import { RULES, type RuleName, type RuleWarning, ViolationError } from "./rules.ts";
import { createVerifier, type VerifierOptions } from "./verifier.ts";

const of1 = { subagentRunId: "s1" };
const of2 = { subagentRunId: "s2" };

function verdict(stream: readonly AguiEvent[], options: VerifierOptions = {}): RuleName | "accepted" {
  const verifier = createVerifier(options);
  try {
    for (const event of stream) verifier.push(event);
    verifier.end();
    return "accepted";
  } catch (error) {
    if (error instanceof ViolationError) return error.rule;
    throw error;
  }
}

/** A run around some events. */
const run = (...events: AguiEvent[]): AguiEvent[] => [e.runStarted(), ...events, e.runFinished()];
const open = (...events: AguiEvent[]): AguiEvent[] => [e.runStarted(), ...events];
const message = [e.textStart("m1"), e.text("m1"), e.textEnd("m1")];
const call = [e.toolStart("c1"), e.toolArgs("c1"), e.toolEnd("c1")];

interface Case {
  readonly passing: readonly AguiEvent[][];
  readonly violating: readonly AguiEvent[][];
  /** Set for rules that no client knows. */
  readonly unknownToClients?: true;
}

const suspended = (interruptIds: unknown): AguiEvent =>
  e.unparsed({
    type: "SUBAGENT_FINISHED",
    subagentRunId: "s1",
    outcome: { type: "suspended", interruptIds },
  });
const interrupted = (subagentRunId: unknown): AguiEvent =>
  e.unparsed({
    ...e.runFinished(),
    outcome: { type: "interrupt", interrupts: [{ id: "i1", reason: "approval", subagentRunId }] },
  });
const snapshot = (subagentRunId?: unknown): AguiEvent =>
  e.unparsed({
    type: "MESSAGES_SNAPSHOT",
    messages: [
      {
        id: "m1",
        role: "assistant",
        content: "",
        toolCalls: [{ id: "c1", type: "function", function: { name: "search", arguments: "" } }],
        ...(subagentRunId === undefined ? {} : { subagentRunId }),
      },
    ],
  });
const activity = (extra: Record<string, unknown> = {}): AguiEvent =>
  e.unparsed({ type: "ACTIVITY_SNAPSHOT", messageId: "a1", activityType: "PLAN", content: {}, ...extra });
const activityDelta = (extra: Record<string, unknown> = {}): AguiEvent =>
  e.unparsed({ type: "ACTIVITY_DELTA", messageId: "a1", activityType: "PLAN", patch: [], ...extra });
const encrypted = (subtype: "message" | "tool-call", entityId: string, extra = {}): AguiEvent => ({
  type: "REASONING_ENCRYPTED_VALUE",
  subtype,
  entityId,
  encryptedValue: "v",
  ...extra,
});

const CASES: Partial<Record<RuleName, Case>> = {
  run_not_started: {
    passing: [run(), [e.runError], [e.runError, ...run()]],
    violating: [
      [...message],
      [e.runFinished()],
      [e.stepStarted("plan")],
      [e.unparsed({ type: "RAW", event: 1 })],
    ],
  },
  run_already_started: {
    passing: [[...run(), e.runStarted("r2"), e.runFinished("r2")]],
    violating: [[e.runStarted(), e.runStarted("r2")], open(...message, e.runStarted())],
  },
  event_after_run_finished: {
    passing: [
      [...run(), e.runError],
      [...run(), e.runStarted("r2"), e.runError],
    ],
    violating: [
      [...run(), e.textStart("m1")],
      [...run(), e.runFinished()],
      [...run(), snapshot()],
    ],
  },
  event_after_run_error: {
    passing: [open(e.textStart("m1"), e.runError, ...run(e.textStart("m1"), e.textEnd("m1")))],
    violating: [
      open(e.runError, e.runError),
      open(e.runError, e.runFinished()),
      [...run(), e.runError, e.runError],
    ],
  },
  run_finished_while_open: {
    passing: [
      run(...message, ...call),
      open(e.textStart("m1"), e.toolStart("c1"), e.stepStarted("a"), e.runError),
    ],
    violating: [
      run(e.textStart("m1")),
      run(e.toolStart("c1")),
      run(e.stepStarted("plan")),
      run(e.stepStarted("plan", of1)),
      run(e.reasoningStart("t1")),
      run(e.thoughtStart("t1")),
      run(e.subagentStarted("s1")),
    ],
  },
  run_id_mismatch: {
    passing: [run()],
    violating: [
      open(e.runFinished("r2")),
      open({ type: "RUN_FINISHED", threadId: "t2", runId: "r1" }),
      [...run(), e.runStarted("r2"), e.runFinished("r1")],
    ],
    unknownToClients: true,
  },
  missing_terminal: {
    passing: [run(), open(e.runError)],
    violating: [[], open(), open(...message), [...run(), e.runStarted("r2")]],
    unknownToClients: true,
  },
  message_already_open: {
    passing: [
      run(...message, ...message),
      run(e.textStart("m1"), e.textStart("m2"), e.textEnd("m1"), e.textEnd("m2")),
    ],
    violating: [run(e.textStart("m1"), e.textStart("m1"), e.textEnd("m1"))],
  },
  message_not_open: {
    passing: [run(...message), run(e.toolStart("x"), ...message, e.toolEnd("x"))],
    violating: [
      run(e.text("m1")),
      run(e.textEnd("m1")),
      run(...message, e.text("m1")),
      run(...message, e.textEnd("m1")),
      run(e.textStart("m1"), e.text("m1"), e.text("m2"), e.textEnd("m1")),
      run(e.thoughtStart("m1"), e.text("m1"), e.thoughtEnd("m1")),
      // What an earlier run left open ended with it.
      [e.runStarted(), e.textStart("m1"), e.text("m1"), e.runError, e.runStarted("r2"), e.text("m1")],
    ],
  },
  tool_call_already_open: {
    passing: [
      run(...call, ...call),
      run(e.toolStart("c1"), e.toolStart("c2"), e.toolEnd("c2"), e.toolEnd("c1")),
    ],
    violating: [run(e.toolStart("c1"), e.toolStart("c1"), e.toolEnd("c1"))],
  },
  tool_call_not_open: {
    passing: [run(...call)],
    violating: [run(e.toolArgs("c1")), run(e.toolEnd("c1")), run(...call, e.toolArgs("c1"))],
  },
  tool_call_parent_mismatch: {
    passing: [
      run(
        e.textStart("m1", of1),
        e.textEnd("m1"),
        e.toolStart("c1", { parentMessageId: "m1" }),
        e.toolEnd("c1", of1),
      ),
      run(e.toolStart("c1", { parentMessageId: "unknown", ...of1 }), e.toolEnd("c1")),
    ],
    violating: [
      run(...message, e.toolStart("c1", { parentMessageId: "m1", ...of1 }), e.toolEnd("c1")),
      run(e.textStart("m1", of1), e.toolStart("c1", { parentMessageId: "m1", ...of2 }), e.textEnd("m1")),
      // Re-opened without a tag, it would inherit another owner from another message.
      run(...call, e.textStart("m1", of1), e.textEnd("m1"), e.toolStart("c1", { parentMessageId: "m1" })),
    ],
  },
  attribution_mismatch: {
    passing: [
      run(e.textStart("m1", of1), e.text("m1", "x", of1), e.text("m1"), e.textEnd("m1")),
      run(
        e.textStart("m1", of1),
        e.textEnd("m1"),
        e.textStart("m1"),
        e.text("m1", "x", of1),
        e.textEnd("m1"),
      ),
      run(
        e.toolStart("c1", of1),
        e.toolArgs("c1", "", of1),
        e.toolEnd("c1", of1),
        e.toolResult("c1", "m2", of2),
      ),
      run(activity(of1), activityDelta(of1), activityDelta(), activity(of2), activityDelta(of2)),
      run(activityDelta(of1), encrypted("message", "unknown", of1)),
      run(snapshot("s1"), e.textStart("m1", of1), e.textEnd("m1"), e.toolStart("c1", of1), e.toolEnd("c1")),
      // Every run begins anew.
      [...run(...message), e.runStarted("r2"), e.textStart("m1", of1), e.textEnd("m1"), e.runFinished("r2")],
    ],
    violating: [
      run(e.textStart("m1"), e.text("m1", "x", of1), e.textEnd("m1")),
      run(e.textStart("m1", of1), e.text("m1"), e.text("m1", "x", of2), e.textEnd("m1")),
      run(e.textStart("m1", of1), e.textEnd("m1", of2)),
      run(e.textStart("m1", of1), e.textEnd("m1"), e.textStart("m1", of2), e.textEnd("m1")),
      run(e.toolStart("c1", of1), e.toolArgs("c1", "", of2), e.toolEnd("c1")),
      run(e.toolStart("c1", of1), e.toolEnd("c1", of2)),
      run(e.toolStart("c1", of1), e.toolEnd("c1"), e.toolStart("c1", of2), e.toolEnd("c1")),
      run(e.toolResult("c1", "m1", of1), e.textStart("m1", of2), e.textEnd("m1")),
      run(e.reasoningStart("t1", of1), e.thoughtStart("t1", of2), e.thoughtEnd("t1"), e.reasoningEnd("t1")),
      run(e.thoughtStart("t1"), e.thought("t1", "x", of1), e.thoughtEnd("t1")),
      run(e.reasoningStart("t1", of1), e.reasoningEnd("t1", of2)),
      run(activity(of1), activityDelta(of2)),
      run(activity(of1), activity({ ...of2, replace: false }), activityDelta(of2)),
      run(e.toolStart("x", of1), e.toolEnd("x"), encrypted("tool-call", "x", of2)),
      run(e.textStart("x", of1), e.textEnd("x"), encrypted("message", "x", of2)),
      run(e.thoughtStart("x", of1), e.thoughtEnd("x"), encrypted("message", "x", of2)),
      run(snapshot("s1"), e.textStart("m1", of2), e.textEnd("m1")),
      run(snapshot("s1"), e.toolStart("c1", of2), e.toolEnd("c1")),
      run(e.textStart("m1"), e.textEnd("m1"), snapshot("s1"), e.textStart("m1", of2), e.textEnd("m1")),
      [
        e.unparsed({
          ...e.runStarted(),
          input: { threadId: "t1", runId: "r1", messages: [{ id: "m1", role: "user", content: "hi" }] },
        }),
        e.textStart("m1", of1),
      ],
    ],
  },
  null_attribution: {
    passing: [run(snapshot("s1"))],
    violating: [
      run(e.unparsed({ ...e.textStart("m1"), subagentRunId: null }), e.textEnd("m1")),
      run(e.unparsed({ type: "CUSTOM", name: "n", value: 1, subagentRunId: null })),
      run(snapshot(null)),
      open(interrupted(null)),
    ],
  },
  step_already_started: {
    passing: [
      run(e.stepStarted("a"), e.stepFinished("a"), e.stepStarted("a"), e.stepFinished("a")),
      run(e.stepStarted("a"), e.stepStarted("a", of1), e.stepFinished("a"), e.stepFinished("a", of1)),
      run(
        e.stepStarted("a"),
        e.stepStarted("a", { subagentRunId: "" }),
        e.stepFinished("a"),
        e.stepFinished("a", { subagentRunId: "" }),
      ),
    ],
    violating: [
      run(e.stepStarted("a"), e.stepStarted("a"), e.stepFinished("a")),
      run(e.stepStarted("a", of1), e.stepStarted("a", of1), e.stepFinished("a", of1)),
    ],
  },
  step_not_started: {
    passing: [run(e.stepStarted("a"), e.stepFinished("a"))],
    violating: [
      run(e.stepFinished("a")),
      run(e.stepStarted("a"), e.stepFinished("b")),
      run(e.stepStarted("a"), e.stepFinished("a", of1)),
      run(e.stepStarted("a", of1), e.stepFinished("a")),
    ],
  },
  reasoning_already_open: {
    passing: [
      run(e.reasoningStart("t1"), e.reasoningEnd("t1"), e.reasoningStart("t1"), e.reasoningEnd("t1")),
    ],
    violating: [run(e.reasoningStart("t1"), e.reasoningStart("t1"), e.reasoningEnd("t1"))],
  },
  reasoning_not_open: {
    passing: [run(e.reasoningStart("t1"), e.reasoningEnd("t1"))],
    violating: [
      run(e.reasoningEnd("t1")),
      run(e.thoughtStart("t1"), e.reasoningEnd("t1"), e.thoughtEnd("t1")),
    ],
  },
  reasoning_message_already_open: {
    passing: [run(e.reasoningStart("t1"), e.thoughtStart("t1"), e.thoughtEnd("t1"), e.reasoningEnd("t1"))],
    violating: [run(e.thoughtStart("t1"), e.thoughtStart("t1"), e.thoughtEnd("t1"))],
  },
  reasoning_message_not_open: {
    passing: [run(e.thoughtStart("t1"), e.thought("t1"), e.thoughtEnd("t1"))],
    violating: [
      run(e.thought("t1")),
      run(e.thoughtEnd("t1")),
      run(e.reasoningStart("t1"), e.thought("t1"), e.reasoningEnd("t1")),
    ],
  },
  subagent_field_invalid: {
    passing: [
      run(e.subagentStarted("s1"), suspended(["i1"])),
      run(e.subagentStarted("", {}), e.subagentFinished("")),
    ],
    violating: [
      run(e.unparsed({ type: "SUBAGENT_STARTED", name: "helper" })),
      run(e.unparsed({ type: "SUBAGENT_STARTED", subagentRunId: "s1" })),
      run(e.unparsed({ ...e.subagentStarted("s1"), description: null }), e.subagentFinished("s1")),
      run(e.unparsed({ ...e.subagentStarted("s1"), parentSubagentRunId: null }), e.subagentFinished("s1")),
      run(e.subagentStarted("s1"), e.unparsed({ type: "SUBAGENT_FINISHED" })),
      run(e.subagentStarted("s1"), e.unparsed({ ...e.subagentFinished("s1"), outcome: null })),
      run(e.subagentStarted("s1"), e.unparsed({ ...e.subagentFinished("s1"), outcome: "" })),
      run(e.subagentStarted("s1"), suspended(null)),
      run(e.subagentStarted("s1"), suspended([1])),
      run(e.subagentStarted("s1"), e.unparsed({ type: "SUBAGENT_ERROR", subagentRunId: "s1" })),
      run(
        e.subagentStarted("s1"),
        e.unparsed({ type: "SUBAGENT_ERROR", subagentRunId: "s1", message: "", code: null }),
      ),
    ],
  },
  subagent_already_active: {
    passing: [
      run(
        e.subagentStarted("s1"),
        e.subagentStarted("s2"),
        e.subagentFinished("s1"),
        e.subagentFinished("s2"),
      ),
    ],
    violating: [run(e.subagentStarted("s1"), e.subagentStarted("s1"), e.subagentFinished("s1"))],
  },
  subagent_reused: {
    passing: [
      [
        ...run(e.subagentStarted("s1"), e.subagentFinished("s1")),
        ...run(e.subagentStarted("s1"), e.subagentFinished("s1")),
      ],
    ],
    violating: [
      run(
        e.subagentStarted("s1"),
        e.subagentFinished("s1"),
        e.subagentStarted("s1"),
        e.subagentFinished("s1"),
      ),
    ],
  },
  subagent_parent_unknown: {
    passing: [
      run(
        e.subagentStarted("s1"),
        e.subagentFinished("s1"),
        e.subagentStarted("s2", { parentSubagentRunId: "s1" }),
        e.subagentFinished("s2"),
      ),
    ],
    violating: [run(e.subagentStarted("s2", { parentSubagentRunId: "s1" }), e.subagentFinished("s2"))],
  },
  subagent_not_active: {
    passing: [
      run(e.subagentStarted("s1"), { type: "SUBAGENT_ERROR", subagentRunId: "s1", message: "it broke" }),
    ],
    violating: [
      run(e.subagentFinished("s1")),
      run(e.subagentStarted("s1"), e.subagentFinished("s1"), e.subagentFinished("s1")),
    ],
  },
  patch_moves_into_itself: {
    passing: [
      run({
        type: "STATE_DELTA",
        delta: [
          { op: "move", from: "/a", path: "/ab" },
          { op: "copy", from: "", path: "/a" },
        ],
      }),
      run({ type: "STATE_DELTA", delta: [{ op: "move", from: "/a", path: "/a" }] }),
    ],
    violating: [
      // The stock client comes to a circular state, and fails when it takes the next event.
      run(
        { type: "STATE_DELTA", delta: [{ op: "move", from: "", path: "/a" }] },
        { type: "STATE_DELTA", delta: [{ op: "add", path: "/b", value: 1 }] },
      ),
      run(
        activity({ content: { a: { b: 1 } } }),
        activityDelta({ patch: [{ op: "move", from: "/a", path: "/a/b" }] }),
      ),
    ],
    unknownToClients: true,
  },
  chunk_not_expanded: {
    passing: [run(...message)],
    violating: [
      run({ type: "TEXT_MESSAGE_CHUNK", messageId: "m1" }),
      run({ type: "TOOL_CALL_CHUNK", toolCallId: "c1", toolCallName: "search" }),
      run({ type: "REASONING_MESSAGE_CHUNK", messageId: "m1" }),
    ],
    unknownToClients: true,
  },
};

/** Rules with limits and rules of the expander have tests of their own. */
const ELSEWHERE: readonly RuleName[] = [
  "chunk_id_missing",
  "chunk_name_missing",
  "chunk_conflict",
  "chunk_ambiguous",
  "too_many_entities",
];

test("every rule that a stream can violate has cases", () => {
  const violations = Object.entries(RULES).filter(([, { severity }]) => severity === "violation");
  expect(violations.map(([name]) => name).sort()).toEqual([...Object.keys(CASES), ...ELSEWHERE].sort());
});

describe.each(Object.entries(CASES))("rule %s", (rule, { passing, violating, unknownToClients }) => {
  test.each(passing.map((stream) => [stream.map(({ type }) => type).join(" "), stream] as const))(
    "accepts %s",
    async (_, stream) => {
      expect(verdict(stream)).toBe("accepted");
      expect((await playToStockClient(stream)).error).toBeUndefined();
    },
  );

  test.each(violating.map((stream) => [stream.map(({ type }) => type).join(" "), stream] as const))(
    "rejects %s",
    async (_, stream) => {
      expect(verdict(stream)).toBe(rule);
      if (unknownToClients === undefined) expect((await playToStockClient(stream)).error).toBeDefined();
    },
  );
});

test("an outcome of another protocol is no outcome", () => {
  // Clients strip it before they verify, and so does our parser.
  const gone = e.unparsed({ ...e.subagentFinished("s1"), outcome: { type: "gone" } });
  expect(verdict(run(e.subagentStarted("s1"), gone))).toBe("subagent_field_invalid");
});

test("a run that names more entities than allowed is a violation", () => {
  const named = [...message, ...call, e.stepStarted("a"), e.stepFinished("a")];
  const crowded = run(...named, e.subagentStarted("s1"), e.subagentFinished("s1"));
  expect(verdict(crowded, { maxEntities: 4 })).toBe("accepted");
  expect(verdict(crowded, { maxEntities: 3 })).toBe("too_many_entities");
  // Continuations name nothing new, and another run counts anew.
  expect(verdict([...crowded, ...crowded], { maxEntities: 4 })).toBe("accepted");
  const many = Array.from({ length: 5 }, (_, index) => e.toolResult("c1", `m${index}`));
  expect(verdict(run(...many), { maxEntities: 5 })).toBe("accepted");
  expect(verdict(run(...many), { maxEntities: 4 })).toBe("too_many_entities");
});

test("tells whether a run is active", () => {
  const verifier = createVerifier();
  expect(verifier.isRunActive).toBe(false);
  verifier.push(e.runStarted());
  expect(verifier.isRunActive).toBe(true);
  verifier.push(e.runFinished());
  expect(verifier.isRunActive).toBe(false);
});

test("an event that is refused leaves open what was open", () => {
  const verifier = createVerifier();
  for (const event of open(e.textStart("m1"), e.subagentStarted("s1"))) verifier.push(event);
  const before = verifier.closeOpen();
  expect(() => verifier.push(e.textEnd("m1", of1))).toThrow(ViolationError);
  expect(() => verifier.push(e.runFinished())).toThrow(/message 'm1', subagent 's1'/);
  expect(verifier.closeOpen()).toEqual(before);
});

describe("orphan results", () => {
  function warningsOf(stream: readonly AguiEvent[], options: VerifierOptions = {}): string[] {
    const warnings: RuleWarning[] = [];
    expect(verdict(stream, { ...options, onWarning: (warning) => warnings.push(warning) })).toBe("accepted");
    return warnings.map(({ rule }) => rule);
  }

  test("are warned about", () => {
    expect(warningsOf(run(e.toolResult("c9", "m1")))).toEqual(["orphan_tool_result"]);
  });

  test("are not those of calls of this run, of a snapshot or of the history", () => {
    expect(warningsOf(run(...call, e.toolResult("c1", "m1")))).toEqual([]);
    expect(warningsOf(run(snapshot(), e.toolResult("c1", "m1")))).toEqual([]);
    const history = createReducer();
    for (const event of run(...call)) history.push(event);
    expect(warningsOf(run(e.toolResult("c1", "m1")), { history })).toEqual([]);
    expect(warningsOf(run(e.toolResult("c2", "m1")), { history })).toEqual(["orphan_tool_result"]);
  });
});

describe("with a history", () => {
  const earlier = run(e.textStart("m1", of1), e.textEnd("m1"), e.thoughtStart("t1", of1), e.thoughtEnd("t1"));
  const history = createReducer();
  for (const event of [...earlier, ...run(activity(of1), e.toolStart("c1", of1), e.toolEnd("c1"))])
    history.push(event);

  test.each([
    [run(e.textStart("m1", of2), e.textEnd("m1"))],
    [run(e.thoughtStart("t1", of2), e.thoughtEnd("t1"))],
    [run(e.toolStart("c1", of2), e.toolEnd("c1"))],
    [run(activity({ ...of2, replace: false }), activityDelta(of2))],
  ])("an entity of an earlier run keeps its owner", (stream) => {
    expect(verdict(stream)).toBe("accepted");
    expect(verdict(stream, { history })).toBe("attribution_mismatch");
  });

  test("untagged events and the owner's own are accepted", () => {
    expect(verdict(run(e.textStart("m1"), e.text("m1"), e.textEnd("m1")), { history })).toBe("accepted");
    expect(verdict(run(e.textStart("m1", of1), e.text("m1", "x", of1), e.textEnd("m1")), { history })).toBe(
      "accepted",
    );
    expect(verdict(run(e.textStart("new", of2), e.textEnd("new")), { history })).toBe("accepted");
  });

  test("what clients refuse is refused too", async () => {
    // Those that were there take the untagged START for the parent agent's.
    const stream = run(e.textStart("m1"), e.text("m1", "x", of1), e.textEnd("m1"));
    expect(verdict(stream, { history })).toBe("attribution_mismatch");
    expect((await playToStockClient(stream)).error).toBeDefined();
  });

  test("a message made for a tool call has the owner of the call", () => {
    const made = createReducer();
    const verifier = createVerifier({ history: made });
    for (const event of open(e.toolStart("c1", { parentMessageId: "m9" }), e.toolEnd("c1"))) {
      verifier.push(event);
      made.push(event);
    }
    expect(() => verifier.push(e.textStart("m9", of1))).toThrow(/the parent agent/);
  });
});
