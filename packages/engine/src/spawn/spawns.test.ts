import type { Agent } from "@dragoman/agent";
import type { AguiEvent } from "@dragoman/agui";
import { openMemoryStore } from "@dragoman/event-log";
import { expect, test } from "vitest";
import { type Engine, openEngine } from "../engine.ts";
import { EngineError } from "../errors.ts";
import type { EngineLimits } from "../limits.ts";
import {
  agentOf,
  attach,
  echoAgent,
  heldAgent,
  input,
  key,
  readAll,
  request,
  runToEnd,
  types,
  user,
} from "../testing/harness.ts";
import type { SpawnRequest } from "./spawn-request.ts";

/** Opens an engine with agents by name; the first one is the default. */
async function engineOf(
  agents: Readonly<Record<string, Agent>>,
  limits: Partial<EngineLimits> = {},
): Promise<Engine> {
  const find = (asked: string) => {
    const agentId = asked || (Object.keys(agents)[0] ?? "");
    const agent = agents[agentId];
    return agent && { agentId, agent };
  };
  return openEngine({ store: await openMemoryStore(), agents: { find }, limits });
}

const task = (taskId: string, more: Partial<SpawnRequest> = {}): SpawnRequest => {
  const parent = { sessionId: key.id, runId: "r1" };
  return { namespace: "default", agentId: "echo", task: "do it", taskId, parent, ...more };
};

const refusal = async (call: Promise<unknown>) => {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof EngineError)) throw new Error("it was not refused", { cause: error });
  return { reason: error.reason, metadata: error.metadata };
};

/** The events of the parent, once every sub-agent that it shows has ended there. */
async function allShown(engine: Engine): Promise<readonly AguiEvent[]> {
  for (;;) {
    const { headSequence } = await engine.getSession(key);
    const seen = await readAll(await engine.observeRun(key, "r1", attach()), headSequence);
    const events = seen.map(({ event }) => event);
    const begun = events.filter(({ type }) => type === "SUBAGENT_STARTED");
    const ended = events.filter(({ type }) => type === "SUBAGENT_FINISHED" || type === "SUBAGENT_ERROR");
    if (begun.length === ended.length) return events;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Starts the parent, which waits. */
async function startParent(engine: Engine, parent: ReturnType<typeof heldAgent>) {
  const { attachment } = await engine.start(request(input("r1", [user("u1")])), attach());
  await parent.started;
  return attachment;
}

test("a sub-agent runs in a session of its own and is shown in the parent's run", async () => {
  const parent = heldAgent();
  const engine = await engineOf({ parent, echo: { ...echoAgent(), description: "Says it back." } });
  const attachment = await startParent(engine, parent);
  const spawned = await engine.spawns.start(task("task"), attach());
  const child = await readAll(spawned.attachment);
  expect(types(child)).toContain("TEXT_MESSAGE_CONTENT");
  expect(child[0]?.event).toMatchObject({ type: "RUN_STARTED", runId: "task", parentRunId: "r1" });
  const childSession = spawned.attachment.sessionId;
  expect((await engine.getSession({ namespace: "default", id: childSession })).info).toMatchObject({
    parent: { sessionId: "t", runId: "r1" },
    spawnDepth: 1,
  });
  const shown = await allShown(engine);
  expect(shown).toContainEqual({
    type: "SUBAGENT_STARTED",
    subagentRunId: "task",
    name: "echo",
    description: "Says it back.",
    metadata: { "dragoman-session": childSession },
  });
  parent.release();
  expect(types(await readAll(attachment))).toEqual([
    "RUN_STARTED",
    "TEXT_MESSAGE_START",
    "TEXT_MESSAGE_CONTENT",
    "SUBAGENT_STARTED",
    "SUBAGENT_FINISHED",
    "TEXT_MESSAGE_END",
    "RUN_FINISHED",
  ]);
});

test("the same task again is the same run, also at once and after its parent ended", async () => {
  const parent = heldAgent();
  const agent = echoAgent();
  const engine = await engineOf({ parent, echo: agent });
  const attachment = await startParent(engine, parent);
  const both = await Promise.all([1, 2].map(() => engine.spawns.start(task("task"), attach())));
  expect(both.map(({ joined }) => joined).sort()).toEqual([false, true]);
  const [one, two] = await Promise.all(both.map((started) => readAll(started.attachment)));
  expect(two).toEqual(one);
  expect(
    await refusal(engine.spawns.start(task("task", { task: "something else" }), attach())),
  ).toMatchObject({
    reason: "RUN_EXISTS",
  });
  parent.release();
  await readAll(attachment);
  const again = await engine.spawns.start(task("task"), attach());
  expect(await readAll(again.attachment)).toEqual(one);
  expect(agent.inputs.length).toBe(1);
});

test("a parent that is not active starts nothing", async () => {
  const parent = heldAgent();
  const agent = echoAgent();
  const engine = await engineOf({ parent, echo: agent });
  const attachment = await startParent(engine, parent);
  parent.release();
  await readAll(attachment);
  expect(await refusal(engine.spawns.start(task("task"), attach()))).toEqual({
    reason: "RUN_ENDED",
    metadata: { session_id: "t", run_id: "r1" },
  });
  const nowhere = { sessionId: "t", runId: "r2" };
  expect(await refusal(engine.spawns.start(task("task", { parent: nowhere }), attach()))).toMatchObject({
    reason: "RUN_NOT_FOUND",
  });
  const noSession = { sessionId: "x", runId: "r1" };
  expect(await refusal(engine.spawns.start(task("task", { parent: noSession }), attach()))).toMatchObject({
    reason: "SESSION_NOT_FOUND",
  });
  expect(await refusal(engine.spawns.start(task("task", { agentId: "nobody" }), attach()))).toMatchObject({
    reason: "AGENT_NOT_FOUND",
  });
  expect(agent.inputs.length).toBe(0);
});

test("a parent that is cancelled takes its sub-agents with it, however deep", async () => {
  const agents = { parent: heldAgent(), child: heldAgent(), grandchild: heldAgent() };
  const engine = await engineOf(agents);
  const attachment = await startParent(engine, agents.parent);
  const child = await engine.spawns.start(task("child", { agentId: "child" }), attach());
  await agents.child.started;
  const parent = { sessionId: child.attachment.sessionId, runId: "child" };
  const deep = await engine.spawns.start(task("deep", { agentId: "grandchild", parent }), attach());
  await agents.grandchild.started;
  await engine.cancelRun(key, "r1");
  for (const { attachment: each } of [child, deep]) {
    const seen = await readAll(each);
    expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_FINISHED", outcome: { type: "cancelled" } });
  }
  expect(types(await readAll(attachment)).slice(-3)).toEqual([
    "TEXT_MESSAGE_END",
    "SUBAGENT_ERROR",
    "RUN_FINISHED",
  ]);
});

test("a parent that ends first closes its sub-agent, still succeeds, and the sub-agent is cancelled", async () => {
  const agents = { parent: heldAgent(), child: heldAgent() };
  const engine = await engineOf(agents);
  const attachment = await startParent(engine, agents.parent);
  const child = await engine.spawns.start(task("child", { agentId: "child" }), attach());
  agents.parent.release();
  const seen = await readAll(attachment);
  expect(seen.slice(-2).map(({ event }) => event)).toMatchObject([
    { type: "SUBAGENT_ERROR", subagentRunId: "child", code: "cancelled" },
    { type: "RUN_FINISHED" },
  ]);
  expect((await engine.getRun(key, "r1")).state).toBe("succeeded");
  expect((await readAll(child.attachment)).at(-1)?.event).toMatchObject({ outcome: { type: "cancelled" } });
});

test("a parent that fails takes its sub-agent with it", async () => {
  let fail = (_error: Error) => {};
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failure.catch(() => {});
  // biome-ignore lint/correctness/useYield: it fails before it says anything
  const parent = agentOf(async function* () {
    await failure;
  });
  const child = heldAgent();
  const engine = await engineOf({ parent, child });
  const { attachment } = await engine.start(request(input("r1")), attach());
  const spawned = await engine.spawns.start(task("child", { agentId: "child" }), attach());
  fail(new Error("no luck"));
  expect(types(await readAll(attachment))).toEqual([
    "RUN_STARTED",
    "SUBAGENT_STARTED",
    "SUBAGENT_ERROR",
    "RUN_ERROR",
  ]);
  expect((await readAll(spawned.attachment)).at(-1)?.event).toMatchObject({ outcome: { type: "cancelled" } });
});

test("an engine that closes ends both, and the parent's stream is whole", async () => {
  const agents = { parent: heldAgent(), child: heldAgent() };
  const engine = await engineOf(agents);
  const attachment = await startParent(engine, agents.parent);
  const spawned = await engine.spawns.start(task("child", { agentId: "child" }), attach());
  await agents.child.started;
  const reading = Promise.all([readAll(attachment), readAll(spawned.attachment)]);
  await engine.close(0);
  const [parent, child] = await reading;
  expect(parent.at(-1)?.event).toMatchObject({ type: "RUN_ERROR", code: "SERVER_SHUTDOWN" });
  expect(types(parent).filter((type) => type.startsWith("SUBAGENT_"))).toEqual([
    "SUBAGENT_STARTED",
    "SUBAGENT_ERROR",
  ]);
  expect(["RUN_ERROR", "RUN_FINISHED"]).toContain(types(child).at(-1));
});

test("a sub-agent that fails, asks or is cancelled is shown so", async () => {
  const parent = heldAgent();
  const failing = agentOf(async function* () {
    yield { type: "RUN_ERROR", message: "no luck", code: "OUT_OF_LUCK" };
  });
  const asking = agentOf(async function* ({ threadId, runId }) {
    const interrupts = [{ id: "i1", reason: "approval" }];
    yield { type: "RUN_FINISHED", threadId, runId, outcome: { type: "interrupt", interrupts } };
  });
  const held = heldAgent();
  const engine = await engineOf({ parent, failing, asking, held });
  const attachment = await startParent(engine, parent);
  for (const agentId of ["failing", "asking", "held"]) {
    const { attachment: child } = await engine.spawns.start(task(agentId, { agentId }), attach());
    if (agentId === "held") await engine.cancelRun({ ...key, id: child.sessionId }, "held");
    await readAll(child);
  }
  await allShown(engine);
  parent.release();
  const ends = (await readAll(attachment))
    .map(({ event }) => event)
    .filter(({ type }) => type === "SUBAGENT_FINISHED" || type === "SUBAGENT_ERROR");
  expect(ends).toEqual([
    { type: "SUBAGENT_ERROR", subagentRunId: "failing", message: "no luck", code: "OUT_OF_LUCK" },
    {
      type: "SUBAGENT_FINISHED",
      subagentRunId: "asking",
      outcome: { type: "suspended", interruptIds: ["i1"] },
    },
    {
      type: "SUBAGENT_ERROR",
      subagentRunId: "held",
      message: "The subagent was cancelled.",
      code: "cancelled",
    },
  ]);
});

test("an agent delegates by itself, as deep as allowed", async () => {
  const digger = agentOf(async function* ({ threadId, runId, messages }, { spawn, agentId }) {
    const depth = Number(messages.at(-1)?.content);
    let said: string;
    try {
      const answer = await spawn?.(agentId, String(depth + 1), { name: `digger ${depth + 1}` });
      said = answer?.content ?? "alone";
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      said = `${error.reason} ${JSON.stringify(error.metadata)} at ${depth}`;
    }
    const messageId = `m-${runId}`;
    yield { type: "TEXT_MESSAGE_START", messageId, role: "assistant" };
    yield { type: "TEXT_MESSAGE_CONTENT", messageId, delta: said };
    yield { type: "TEXT_MESSAGE_END", messageId };
    yield { type: "RUN_FINISHED", threadId, runId };
  });
  const engine = await engineOf({ digger }, { spawnDepthMax: 3 });
  const seen = await runToEnd(engine, input("r1", [user("u1", "0")]));
  expect(seen.map(({ event }) => event)).toContainEqual(
    expect.objectContaining({
      type: "TEXT_MESSAGE_CONTENT",
      delta: 'SPAWN_TOO_DEEP {"depth":"4","limit":"3"} at 3',
    }),
  );
  expect(types(seen).slice(1, 3), "shown before the agent goes on").toEqual([
    "SUBAGENT_STARTED",
    "SUBAGENT_FINISHED",
  ]);
});

test("a run starts so many sub-agents and no more", async () => {
  const parent = heldAgent();
  const engine = await engineOf({ parent, echo: echoAgent() }, { spawnsPerRunMax: 2 });
  const attachment = await startParent(engine, parent);
  for (const id of ["a", "b"]) await readAll((await engine.spawns.start(task(id), attach())).attachment);
  expect(await refusal(engine.spawns.start(task("c"), attach()))).toEqual({
    reason: "LIMIT_REACHED",
    metadata: { limit: "spawnsPerRunMax", value: "2" },
  });
  expect((await engine.spawns.start(task("a"), attach())).joined, "a retry is none more").toBe(true);
  parent.release();
  await readAll(attachment);
});

test("a task id that the parent uses for a sub-agent of its own is refused", async () => {
  let release = () => {};
  let begin = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const parent = agentOf(async function* ({ threadId, runId }) {
    yield { type: "SUBAGENT_STARTED", subagentRunId: "own", name: "mine" };
    begin();
    await released;
    yield { type: "SUBAGENT_FINISHED", subagentRunId: "own" };
    yield { type: "RUN_FINISHED", threadId, runId };
  });
  const engine = await engineOf({ parent, echo: echoAgent() });
  const { attachment } = await engine.start(request(input("r1")), attach());
  await begun;
  expect(await refusal(engine.spawns.start(task("own"), attach()))).toMatchObject({ reason: "RUN_EXISTS" });
  release();
  expect(types(await readAll(attachment))).toEqual([
    "RUN_STARTED",
    "SUBAGENT_STARTED",
    "SUBAGENT_FINISHED",
    "RUN_FINISHED",
  ]);
});
