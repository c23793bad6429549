import { openMemoryStore } from "@dragoman/event-log";
import { expect, test } from "vitest";
import { openEngine } from "../engine.ts";
import { expectReason, hourMs } from "../testing/expiry-harness.ts";
import { agentOf, attach, heldAgent, input, key, request } from "../testing/harness.ts";
import { manualClock } from "../testing/manual-clock.ts";

/** A run whose sub-agent asks somebody, in a session that is kept for an hour after its end. */
async function delegated() {
  const held = heldAgent();
  const asking = agentOf(async function* ({ threadId, runId }) {
    const interrupts = [{ id: "i", reason: "question" }];
    yield { type: "RUN_FINISHED", threadId, runId, outcome: { type: "interrupt", interrupts } };
  });
  const clock = manualClock();
  const store = await openMemoryStore();
  const find = (agentId: string) => {
    return { agentId: agentId || "held", agent: agentId === "asking" ? asking : held };
  };
  const { now, timer } = clock;
  const options = { store, agents: { find }, now, timer };
  const engine = await openEngine(options);
  await engine.createSession(key, { retentionMs: hourMs });
  const { attachment } = await engine.start(request(input("r1")), attach());
  await held.started;
  attachment.close();
  const parent = { sessionId: key.id, runId: "r1" };
  const task = { namespace: "default", agentId: "asking", task: "do it", taskId: "t", parent };
  const { run } = await engine.spawns.run(task, attach());
  held.release();
  return { engine, store, clock, child: { ...key, id: run.sessionId }, options };
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let round = 0; !(await isSo()); round++) {
    if (round > 2_000) throw new Error("it never came to that");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test("the session of a sub-agent ends with the one that it worked for, and nothing in it waits any more", async () => {
  const { engine, child } = await delegated();
  expect((await engine.getSession(child)).openInterrupts).toHaveLength(1);
  await engine.endSession(key);
  await until(async () => (await engine.getSession(child)).info.state === "ended");
  await until(async () => (await engine.getSession(child)).openInterrupts.length === 0);
  await engine.close(1_000);
});

test("what retention removes is removed with the sessions of its sub-agents", async () => {
  const { engine, store, clock, child } = await delegated();
  await engine.endSession(key);
  await until(async () => (await engine.getSession(child)).info.state === "ended");
  clock.advance(2 * hourMs);
  const isGone = async (id: string) =>
    (await store.log.head({ ...key, id })) === undefined &&
    (await store.catalog.list({ kind: "session", limit: 10 })).every((entry) => entry.id !== id);
  await until(async () => (await isGone(key.id)) && (await isGone(child.id)));
  expect(await store.catalog.list({ kind: "child", limit: 10 })).toEqual([]);
  await expectReason(engine.getSession(child), "SESSION_NOT_FOUND");
  await engine.close(1_000);
});
