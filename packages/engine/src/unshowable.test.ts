import type { AguiEvent, Json, JsonPatchOperation } from "@dragoman/agui";
import { expect, test } from "vitest";
import {
  agentOf,
  attach,
  engineWith,
  input,
  key,
  readAll,
  reduced,
  runToEnd,
  types,
} from "./testing/harness.ts";

const nested = (levels: number): Json => (levels === 0 ? 1 : [nested(levels - 1)]);
/** Each doubles what it copies. */
const doublings: JsonPatchOperation[] = Array.from({ length: 30 }, () => ({
  op: "copy",
  from: "/list",
  path: "/list/-",
}));
const tooDeep: JsonPatchOperation[] = [{ op: "add", path: "/deep", value: nested(30) }];

const stateDelta = (delta: JsonPatchOperation[]): AguiEvent => ({ type: "STATE_DELTA", delta });
const activityDelta = (patch: JsonPatchOperation[]): AguiEvent => {
  return { type: "ACTIVITY_DELTA", messageId: "a", activityType: "PLAN", patch };
};
const activity: AguiEvent = {
  type: "ACTIVITY_SNAPSHOT",
  messageId: "a",
  activityType: "PLAN",
  content: { list: ["x"] },
};

test.each<[string, AguiEvent, string]>([
  ["a state that is too deep", stateDelta(tooDeep), "more than 30 deep"],
  ["a state that is too heavy", stateDelta(doublings), "more than 4194304 (maxCopiedWeight)"],
  [
    "a state that is no JSON",
    stateDelta([{ op: "copy", from: "/toString", path: "/x" }]),
    "no value of JSON",
  ],
  ["an activity that is too deep", activityDelta(tooDeep), "more than 30 deep"],
  ["an activity that is too heavy", activityDelta(doublings), "more than 4194304 (maxCopiedWeight)"],
  ["an activity that is no object", activityDelta([{ op: "replace", path: "", value: 1 }]), "stay an object"],
])("a patch that makes %s ends the run with the limit, before anybody sees it", async (_, event, limit) => {
  const agent = agentOf(async function* ({ threadId, runId }) {
    yield { type: "STATE_SNAPSHOT", snapshot: { list: ["x"] } };
    yield activity;
    yield { type: "TEXT_MESSAGE_START", messageId: "m" };
    yield event;
    yield { type: "TEXT_MESSAGE_END", messageId: "m" };
    yield { type: "RUN_FINISHED", threadId, runId };
  });
  const { engine } = await engineWith(agent);
  const seen = await runToEnd(engine, input("r1"));
  expect(types(seen).slice(-2)).toEqual(["TEXT_MESSAGE_END", "RUN_ERROR"]);
  expect(types(seen)).not.toContain(event.type);
  expect(seen.at(-1)?.event).toMatchObject({
    code: "PROTOCOL_VIOLATION",
    message: expect.stringMatching(/^patch_result_unshowable: /),
  });
  expect(seen.at(-1)?.event).toMatchObject({ message: expect.stringContaining(limit) });
  const later = await readAll(await engine.observeSession(key, attach({ mode: "snapshot" }), false));
  expect(reduced(later)).toEqual(reduced(seen));
});

test("a patch that does not apply is kept, and an activity of an earlier run is known", async () => {
  const patches: AguiEvent[][] = [
    [
      activity,
      stateDelta([{ op: "remove", path: "/none" }]),
      activityDelta([{ op: "remove", path: "/none" }]),
    ],
    [activityDelta([{ op: "add", path: "/list/-", value: "y" }])],
    [activityDelta(doublings)],
  ];
  const agent = agentOf(async function* ({ threadId, runId }) {
    yield* patches.shift() ?? [];
    yield { type: "RUN_FINISHED", threadId, runId };
  });
  const { engine } = await engineWith(agent);
  const first = await runToEnd(engine, input("r1"));
  expect(types(first)).toEqual([
    "RUN_STARTED",
    "ACTIVITY_SNAPSHOT",
    "STATE_DELTA",
    "ACTIVITY_DELTA",
    "RUN_FINISHED",
  ]);
  expect(types(await runToEnd(engine, input("r2"))).at(-1)).toBe("RUN_FINISHED");
  expect((await engine.messages(key)).messages).toMatchObject([{ content: { list: ["x", "y"] } }]);
  expect((await runToEnd(engine, input("r3"))).at(-1)?.event).toMatchObject({ code: "PROTOCOL_VIOLATION" });
});
