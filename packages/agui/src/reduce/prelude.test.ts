import { expect, test } from "vitest";
import * as e from "../../test/events.ts";
import type { AguiEvent, EventOf } from "../types.ts";
import { createVerifier } from "../verify/verifier.ts";
import { snapshotPrelude } from "./prelude.ts";
import { createReducer } from "./reducer.ts";

// That stock clients take preludes, and reach what others reach, is a property in differential.test.ts.

const started: EventOf<"RUN_STARTED"> = {
  type: "RUN_STARTED",
  threadId: "t1",
  runId: "r1",
  protocolVersion: "1.0",
  input: { threadId: "t1", runId: "r1", messages: [{ id: "u1", role: "user", content: "hi" }] },
};

function preludeAfter(...events: AguiEvent[]): AguiEvent[] {
  const reducer = createReducer({ state: { n: 1 } });
  const verifier = createVerifier({ history: reducer });
  for (const event of [started, ...events]) {
    verifier.push(event);
    reducer.push(event);
  }
  return snapshotPrelude(started, verifier, reducer);
}

test("shows messages and state, then opens what is open in its order", () => {
  const s1 = { subagentRunId: "s1" };
  const prelude = preludeAfter(
    e.stepStarted("plan", { metadata: { k: 1 } }),
    e.subagentStarted("s0"),
    e.subagentFinished("s0"),
    e.subagentStarted("s1", { parentSubagentRunId: "s0" }),
    e.reasoningStart("m1", s1),
    e.thoughtStart("m1"),
    e.textStart("m2", { metadata: { k: 1 } }),
    e.text("m2", "a", { metadata: { k: 2 } }),
    e.toolStart("c1", { parentMessageId: "m2" }),
    e.textStart("m3"),
    e.textEnd("m3"),
    e.unparsed({ type: "STEP_STARTED", stepName: "act", rawEvent: { big: 1 }, timestamp: 5 }),
  );
  const call = { id: "c1", type: "function", function: { name: "search", arguments: "" } };
  expect(prelude).toEqual([
    { type: "RUN_STARTED", threadId: "t1", runId: "r1", protocolVersion: "1.0" },
    {
      type: "MESSAGES_SNAPSHOT",
      messages: [
        { id: "u1", role: "user", content: "hi" },
        { id: "m1", role: "reasoning", content: "", ...s1 },
        { id: "m2", role: "assistant", content: "a", metadata: { k: 2 }, toolCalls: [call] },
        { id: "m3", role: "assistant", content: "" },
      ],
    },
    { type: "STATE_SNAPSHOT", snapshot: { n: 1 } },
    e.stepStarted("plan", { metadata: { k: 1 } }),
    e.subagentStarted("s0"),
    e.subagentFinished("s0"),
    e.subagentStarted("s1", { parentSubagentRunId: "s0" }),
    e.reasoningStart("m1", s1),
    e.thoughtStart("m1", s1),
    e.textStart("m2"),
    e.toolStart("c1"),
    { type: "STEP_STARTED", stepName: "act", timestamp: 5 },
  ]);
});

test("shows the messages again where opening one would bring back what the run has dropped", () => {
  const empty: AguiEvent = { type: "MESSAGES_SNAPSHOT", messages: [] };
  for (const opened of [e.textStart("m1"), e.toolStart("c1")]) {
    const prelude = preludeAfter(opened, empty);
    expect(prelude.map(({ type }) => type)).toEqual([
      "RUN_STARTED",
      "MESSAGES_SNAPSHOT",
      "STATE_SNAPSHOT",
      opened.type,
      "MESSAGES_SNAPSHOT",
    ]);
    expect(prelude.at(-1)).toEqual(empty);
  }
});
