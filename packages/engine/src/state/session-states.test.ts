import type { AgentOutput } from "@dragoman/agent";
import { createReducer, type Json, type JsonPatchOperation } from "@dragoman/agui";
import { expect, test } from "vitest";
import type { Engine } from "../engine.ts";
import {
  agentOf,
  attach,
  echoAgent,
  engineWith,
  heldAgent,
  input,
  key,
  readAll,
  reduced,
  request,
  runToEnd,
  types,
} from "../testing/harness.ts";

const patch = (...operations: JsonPatchOperation[]) => ({ kind: "patch", operations }) as const;
const set = (path: string, value: Json) => patch({ op: "add", path, value });
const merge = (value: Json) => ({ kind: "merge", patch: value }) as const;
const signal = new AbortController().signal;
const watchOptions = { idleMs: 5_000, signal };

async function session(state: Json = {}, agent = echoAgent()): Promise<Engine> {
  const { engine } = await engineWith(agent);
  await engine.createSession(key, {}, state);
  return engine;
}

test("a change is a small run of its own, marked, and the next run sees it", async () => {
  const agent = echoAgent();
  const engine = await session({ a: 1 }, agent);
  const updated = await engine.states.update(key, { change: merge({ b: 2 }) });
  expect(updated).toMatchObject({ state: { a: 1, b: 2 }, changed: true });
  const seen = await readAll(await engine.observeSession(key, attach({ mode: "beginning" }), false));
  expect(types(seen).slice(3)).toEqual(["RUN_STARTED", "STATE_DELTA", "RUN_FINISHED"]);
  expect(seen[3]?.event.metadata).toEqual({ "dragoman-origin": "state" });
  expect(seen[4]?.sequence).toBe(updated.revision);
  await runToEnd(engine, input("r1"));
  expect(agent.inputs[0]?.state).toEqual({ a: 1, b: 2 });
});

test("a change to what is there already is no event", async () => {
  const engine = await session({ a: 1 });
  const before = await engine.states.get(key);
  const updated = await engine.states.update(key, { change: merge({ a: 1 }) });
  expect(updated).toEqual({ ...before, changed: false });
  expect((await engine.getSession(key)).headSequence).toBe(before.revision + 1);
});

test("a replacement is a snapshot, whatever kind of value it is", async () => {
  const engine = await session({ a: 1 });
  for (const value of [[1, 2], "text", 3, { b: 1 }] as Json[]) {
    const { state } = await engine.states.update(key, { change: { kind: "replace", value } });
    expect(state).toEqual(value);
  }
  const seen = await readAll(await engine.observeSession(key, attach({ mode: "beginning" }), false));
  expect(reduced(seen).state).toEqual({ b: 1 });
});

test("a stale revision is refused and tells the current one; nothing is written", async () => {
  const engine = await session({ a: 1 });
  const { revision } = await engine.states.get(key);
  await engine.states.update(key, { change: set("/a", 2), ifRevision: revision });
  const now = await engine.states.get(key);
  await expect(
    engine.states.update(key, { change: set("/a", 3), ifRevision: revision }),
  ).rejects.toMatchObject({ reason: "STALE_STATE", metadata: { revision: String(now.revision) } });
  expect(await engine.states.get(key)).toEqual(now);
});

test("a patch that does not apply is refused whole and names its operation", async () => {
  const engine = await session({ a: 1 });
  const change = patch({ op: "add", path: "/b", value: 1 }, { op: "remove", path: "/nothing" });
  await expect(engine.states.update(key, { change })).rejects.toMatchObject({
    reason: "STATE_CHANGE_NOT_APPLICABLE",
    metadata: { path: "/nothing", operation_index: "1" },
  });
  expect((await engine.states.get(key)).state).toEqual({ a: 1 });
});

test("the same request is applied once; another change with its id is refused", async () => {
  const engine = await session({ list: [] });
  const update = { change: patch({ op: "add", path: "/list/-", value: 1 }), requestId: "q" };
  const results = await Promise.all([1, 2, 3].map(() => engine.states.update(key, update)));
  expect(results.map(({ changed }) => changed)).toEqual([true, true, true]);
  expect((await engine.states.get(key)).state).toEqual({ list: [1] });
  await expect(engine.states.update(key, { ...update, change: merge({}) })).rejects.toMatchObject({
    reason: "REQUEST_EXISTS",
  });
});

test("the ids of requests that are remembered are limited", async () => {
  const { engine, store } = await engineWith(echoAgent(), { limits: { stateRequestsMax: 3 } });
  await engine.createSession(key, {}, { n: 0 });
  for (let n = 1; n <= 300; n++)
    await engine.states.update(key, { change: set("/n", n), requestId: `q${n}` });
  const kept = await store.catalog.list({ kind: "request", limit: 10_000 });
  expect(kept.length).toBeLessThan(300);
  expect(kept[0]?.id).toBe("q300");
});

test("an ended session takes no more changes, and its watchers end", async () => {
  const engine = await session({ a: 1 });
  const watch = await engine.states.watch(key, watchOptions);
  expect(await watch.next()).toMatchObject({ state: { a: 1 } });
  const end = watch.next();
  await engine.endSession(key);
  expect(await end).toBe("end");
  watch.close();
  await expect(engine.states.update(key, { change: merge({ b: 1 }) })).rejects.toMatchObject({
    reason: "SESSION_ENDED",
  });
});

test("a watcher gets the state, then each change; from a revision only what came after it", async () => {
  const engine = await session({ a: 1 });
  const watch = await engine.states.watch(key, watchOptions);
  const first = await watch.next();
  const { revision } = await engine.states.update(key, { change: merge({ a: 2 }) });
  expect(await watch.next()).toEqual({ state: { a: 2 }, revision });
  watch.close();
  const resumed = await engine.states.watch(key, { ...watchOptions, afterRevision: revision });
  const next = resumed.next();
  await engine.states.update(key, { change: merge({ a: 3 }) });
  expect(await next).toMatchObject({ state: { a: 3 } });
  resumed.close();
  expect(first).not.toBe("idle");
  await expect(engine.states.watch(key, { ...watchOptions, afterRevision: 9_999 })).rejects.toMatchObject({
    reason: "CURSOR_AHEAD",
  });
  await expect(
    engine.states.watch(key, { ...watchOptions, afterRevision: 1, logId: "another" }),
  ).rejects.toMatchObject({ reason: "CURSOR_OF_ANOTHER_LOG" });
});

test("a slow watcher gets several changes as one", async () => {
  const engine = await session({ n: 0 });
  const watch = await engine.states.watch(key, watchOptions);
  await watch.next();
  for (let n = 1; n <= 50; n++) await engine.states.update(key, { change: set("/n", n) });
  expect(await watch.next()).toMatchObject({ state: { n: 50 } });
  watch.close();
});

test("a change while an agent works is an event of its run", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent);
  const { attachment } = await engine.start(request(input("r1", [], { state: { a: 1 } })), attach());
  await agent.started;
  const { revision } = await engine.states.update(key, { change: merge({ b: 2 }) });
  agent.release();
  const seen = await readAll(attachment);
  const change = seen.find(({ sequence }) => sequence === revision);
  expect(change?.event).toMatchObject({ type: "STATE_DELTA", metadata: { "dragoman-origin": "state" } });
  expect(types(seen).filter((type) => type === "RUN_STARTED")).toHaveLength(1);
  expect((await engine.states.get(key)).state).toEqual({ a: 1, b: 2 });
});

test("what an agent writes after a change by others is a difference to what it knows", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const agent = agentOf(async function* ({ threadId, runId }): AsyncGenerator<AgentOutput> {
    yield { type: "STATE_SNAPSHOT", snapshot: { mine: 1, both: "agent 1", list: [1, 2] } };
    await held;
    yield { type: "STATE_DELTA", delta: [{ op: "replace", path: "/mine", value: 2 }] };
    yield { type: "STATE_SNAPSHOT", snapshot: { mine: 3, both: "agent 2", list: [1, 2, 3] } };
    yield { type: "RUN_FINISHED", threadId, runId };
  });
  const { engine } = await engineWith(agent);
  const { attachment } = await engine.start(request(input("r1")), attach());
  const watch = await engine.states.watch(key, watchOptions);
  for (let next = await watch.next(); ; next = await watch.next())
    if (typeof next === "object" && JSON.stringify(next.state).includes("mine")) break;
  watch.close();
  await engine.states.update(key, { change: merge({ theirs: true, both: "client" }) });
  await engine.states.update(key, { change: patch({ op: "replace", path: "/list/0", value: "one" }) });
  release();
  const seen = await readAll(attachment);
  expect(reduced(seen).state).toEqual({ mine: 3, both: "agent 2", theirs: true, list: ["one", 2, 3] });
  expect((await engine.states.get(key)).state).toEqual(reduced(seen).state);
});

test("an agent and ten clients lose no write to a path that nobody else wrote, and end equal", async () => {
  const writes = 40;
  const agent = agentOf(async function* ({ threadId, runId }): AsyncGenerator<AgentOutput> {
    let own: { agent: Record<string, number> } = { agent: {} };
    for (let n = 0; n < writes; n++) {
      own = { agent: { ...own.agent, [`k${n}`]: n } };
      if (n % 2) yield { type: "STATE_SNAPSHOT", snapshot: own };
      else yield { type: "STATE_DELTA", delta: [{ op: "add", path: `/agent/k${n}`, value: n }] };
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    yield { type: "RUN_FINISHED", threadId, runId };
  });
  const { engine } = await engineWith(agent);
  await engine.createSession(key, {}, { agent: {} });
  const { attachment } = await engine.start(request(input("r1")), attach());
  const watch = await engine.states.watch(key, watchOptions);
  const clients = Array.from({ length: 10 }, async (_, client) => {
    for (let n = 0; n < writes; n++) {
      const change = n % 2 ? merge({ [`c${client}`]: { [`k${n}`]: n } }) : merge({ [`c${client}-${n}`]: n });
      await engine.states.update(key, { change });
    }
  });
  const [seen] = await Promise.all([readAll(attachment), ...clients]);
  const { state } = await engine.states.get(key);
  const expected: Record<string, unknown> = {
    agent: Object.fromEntries(Array.from({ length: writes }, (_, n) => [`k${n}`, n])),
  };
  for (let client = 0; client < 10; client++) {
    expected[`c${client}`] = {};
    for (let n = 0; n < writes; n++) {
      if (n % 2) (expected[`c${client}`] as Record<string, number>)[`k${n}`] = n;
      else expected[`c${client}-${n}`] = n;
    }
  }
  expect(state).toEqual(expected);
  const whole = await readAll(await engine.observeSession(key, attach({ mode: "beginning" }), false));
  const reducer = createReducer({});
  for (const { event } of whole) reducer.push(event);
  expect(reducer.state).toEqual(expected);
  expect(seen.at(-1)?.event.type).toBe("RUN_FINISHED");
  let last: unknown;
  for (let next = await watch.next(); typeof next === "object"; next = await watch.next()) {
    last = next.state;
    if (next.revision === (await engine.states.get(key)).revision) break;
  }
  watch.close();
  expect(last).toEqual(expected);
});

test("a live agent is told of changes by others", async () => {
  const agent = agentOf(async function* ({ threadId, runId }, { inputs }): AsyncGenerator<AgentOutput> {
    const reader = inputs?.[Symbol.asyncIterator]();
    yield { type: "STATE_SNAPSHOT", snapshot: { ready: true } };
    const told = await reader?.next();
    yield { type: "CUSTOM", name: "told", value: told?.value as never };
    yield { type: "RUN_FINISHED", threadId, runId };
  });
  const { engine } = await engineWith(agent);
  const { attachment } = await engine.start(request(input("r1")), attach());
  const watch = await engine.states.watch(key, watchOptions);
  for (let next = await watch.next(); ; next = await watch.next())
    if (typeof next === "object" && JSON.stringify(next.state).includes("ready")) break;
  watch.close();
  await engine.states.update(key, { change: merge({ b: 1 }) });
  const seen = await readAll(attachment);
  expect(seen.find(({ event }) => event.type === "CUSTOM")?.event).toMatchObject({
    value: { type: "state_patch", patch: [{ op: "add", path: "/b", value: 1 }] },
  });
});

test("a change that cannot be kept does no harm to the run", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent, { limits: { eventMaxBytes: 2_000 } });
  const { attachment } = await engine.start(request(input("r1")), attach());
  await agent.started;
  await expect(
    engine.states.update(key, { change: merge({ text: "x".repeat(3_000) }) }),
  ).rejects.toMatchObject({ reason: "LIMIT_REACHED", metadata: { limit: "eventMaxBytes" } });
  agent.release();
  expect(types(await readAll(attachment)).at(-1)).toBe("RUN_FINISHED");
});

test("a change while people are asked says again what waits, so that a client that comes later knows it", async () => {
  const interrupt = { id: "i", reason: "question", message: "Sure?" };
  const agent = agentOf(async function* ({ threadId, runId }): AsyncGenerator<AgentOutput> {
    yield { type: "RUN_FINISHED", threadId, runId, outcome: { type: "interrupt", interrupts: [interrupt] } };
  });
  const { engine } = await engineWith(agent);
  await runToEnd(engine, input("r1"));
  await engine.states.update(key, { change: merge({ a: 1 }) });
  const seen = await readAll(await engine.observeSession(key, attach({ mode: "snapshot" }), false));
  expect(seen.at(-1)?.event).toMatchObject({
    type: "RUN_FINISHED",
    outcome: { type: "interrupt", interrupts: [interrupt] },
  });
  expect((await engine.getSession(key)).openInterrupts.map(({ runId }) => runId)).toEqual(["r1"]);
  await engine.endSession(key);
  const after = await readAll(await engine.observeSession(key, attach({ mode: "snapshot" }), false));
  expect(after.at(-1)?.event).not.toHaveProperty("outcome");
});
