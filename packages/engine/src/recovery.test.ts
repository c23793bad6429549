import { openMemoryStore, type Store } from "@dragoman/event-log";
import { expect, test } from "vitest";
import {
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
  user,
} from "./testing/harness.ts";

/** An engine that is never told to stop, as after kill -9: a second one finds what it left. */
async function crashWith(
  store: Store,
  prepare: (engine: Awaited<ReturnType<typeof engineWith>>["engine"]) => Promise<void>,
) {
  const agent = heldAgent();
  const { engine } = await engineWith(agent, { store });
  const { attachment } = await engine.start(request(input("r1", [user("u1")])), attach());
  await agent.started;
  await prepare(engine);
  return readAll(attachment, 3);
}

test("a run that a crash left open ends in one NODE_LOST with everything closed, after what clients saw", async () => {
  const store = await openMemoryStore();
  const before = await crashWith(store, async () => {});
  const { engine } = await engineWith(echoAgent(), { store });
  const after = await readAll(await engine.observeSession(key, attach(), false));
  expect(after.slice(0, before.length)).toEqual(before);
  expect(types(after).slice(before.length)).toEqual(["TEXT_MESSAGE_END", "RUN_ERROR"]);
  expect(after.at(-1)?.event).toMatchObject({ code: "NODE_LOST" });
  expect(after.map(({ sequence }) => sequence)).toEqual(after.map((_, index) => index + 1));
  expect((await engine.getRun(key, "r1")).state).toBe("failed");
  const next = await runToEnd(engine, input("r2", [user("u2")]));
  expect(next[0]?.sequence).toBe(after.length + 1);
});

test("a run whose cancel was durable ends as cancelled after a crash", async () => {
  const store = await openMemoryStore();
  const agent = heldAgent();
  const { engine } = await engineWith(agent, { store });
  const { attachment } = await engine.start(request(input("r1")), attach());
  await agent.started;
  attachment.close();
  // The intent reaches the log, and then the process is gone before the agent notices.
  const entry = await store.catalog.get({ namespace: "default", kind: "run", parent: "t", id: "r1" });
  if (!entry) throw new Error("the run is not in the catalog");
  const info = { ...JSON.parse(new TextDecoder().decode(entry.value)), cancelRequested: true };
  await store.catalog.put([{ put: { ...entry, value: new TextEncoder().encode(JSON.stringify(info)) } }]);
  const second = await engineWith(echoAgent(), { store });
  const seen = await readAll(await second.engine.observeRun(key, "r1", attach()));
  expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_FINISHED", outcome: { type: "cancelled" } });
});

test("queued runs begin after a crash, in their order", async () => {
  const store = await openMemoryStore();
  await crashWith(store, async (engine) => {
    for (const runId of ["r2", "r3"]) {
      const { attachment } = await engine.start(
        request(input(runId, [user(`u-${runId}`)]), { ifActive: "queue" }),
        attach(),
      );
      attachment.close();
    }
  });
  const agent = echoAgent();
  const { engine } = await engineWith(agent, { store });
  const last = await readAll(await engine.observeRun(key, "r3", attach()));
  expect(types(last).at(-1)).toBe("RUN_FINISHED");
  expect(agent.inputs.map(({ runId }) => runId)).toEqual(["r2", "r3"]);
  expect(agent.inputs[1]?.messages.map(({ id }) => id)).toEqual(["u1", "h-r1", "u-r2", "a-r2", "u-r3"]);
});

test("a session opens from a checkpoint with the same meaning as from its whole log", async () => {
  const store = await openMemoryStore();
  const { engine } = await engineWith(
    {
      async *run({ threadId, runId }) {
        yield { type: "TEXT_MESSAGE_START", messageId: runId };
        for (let index = 0; index < 3_000; index++)
          yield { type: "TEXT_MESSAGE_CONTENT", messageId: runId, delta: "x" };
        yield { type: "TEXT_MESSAGE_END", messageId: runId };
        yield { type: "STATE_SNAPSHOT", snapshot: { last: runId } };
        yield { type: "RUN_FINISHED", threadId, runId };
      },
    },
    { store },
  );
  const whole = [
    ...(await runToEnd(engine, input("r1", [user("u1")]))),
    ...(await runToEnd(engine, input("r2"))),
  ];
  const checkpoint = { namespace: "default", kind: "checkpoint", parent: "t", id: "latest" };
  expect(await store.catalog.get(checkpoint)).toBeDefined();
  const second = await engineWith(echoAgent(), { store });
  const seen = await readAll(await second.engine.observeSession(key, attach({ mode: "snapshot" }), false));
  expect(reduced(seen)).toEqual(reduced(whole));
});

test("a stop lets runs end, then ends them itself", async () => {
  const quick = heldAgent();
  const one = await engineWith(quick);
  const { attachment } = await one.engine.start(request(input("r1")), attach());
  await quick.started;
  const closing = one.engine.close(5_000);
  await expect(runToEnd(one.engine, input("r2"))).rejects.toMatchObject({ reason: "SHUTTING_DOWN" });
  quick.release();
  await closing;
  expect(types(await readAll(attachment)).at(-1)).toBe("RUN_FINISHED");

  const stuck = heldAgent();
  const two = await engineWith(stuck);
  const other = await two.engine.start(request(input("r1")), attach());
  await stuck.started;
  await two.engine.close(10);
  const seen = await readAll(other.attachment);
  expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_ERROR", code: "SERVER_SHUTDOWN" });
});

test("what waits when a server stops begins at the next start", async () => {
  const store = await openMemoryStore();
  const held = heldAgent();
  const { engine } = await engineWith(held, { store });
  const first = await engine.start(request(input("r1")), attach());
  await held.started;
  for (const runId of ["r2", "r3"]) {
    const { attachment } = await engine.start(request(input(runId), { ifActive: "queue" }), attach());
    attachment.close();
  }
  await engine.close(10);
  expect(types(await readAll(first.attachment)).at(-1)).toBe("RUN_ERROR");
  const states = async () => {
    const all = [];
    for (const id of ["r1", "r2", "r3"]) all.push((await engine.getRun(key, id)).state);
    return all;
  };
  expect(await states()).toEqual(["failed", "queued", "queued"]);

  const agent = echoAgent();
  const second = await engineWith(agent, { store });
  const last = await readAll(await second.engine.observeRun(key, "r3", attach()));
  expect(types(last).at(-1)).toBe("RUN_FINISHED");
  expect(agent.inputs.map(({ runId }) => runId)).toEqual(["r2", "r3"]);
});

test("a run that is just beginning when a server stops ends like any other", async () => {
  const store = await openMemoryStore();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let reached = () => {};
  const appending = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const append: Store["log"]["append"] = async (...args) => {
    reached();
    await held;
    return store.log.append(...args);
  };
  const log = new Proxy(store.log, {
    get: (target, name) => (name === "append" ? append : Reflect.get(target, name).bind?.(target)),
  });
  const { engine } = await engineWith(heldAgent(), { store: { ...store, catalog: store.catalog, log } });
  const starting = engine.start(request(input("r1")), attach());
  await appending;
  const closing = engine.close(50);
  release();
  await closing;
  const seen = await readAll((await starting).attachment);
  expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_ERROR", code: "SERVER_SHUTDOWN" });
});

/** Leaves a run open in each of two sessions, as kill -9 does. */
async function twoOpenSessions(): Promise<Store> {
  const { engine, store } = await engineWith(heldAgent());
  for (const threadId of ["t", "healthy"]) {
    const { attachment } = await engine.start(request({ ...input("r1"), threadId }), attach());
    await readAll(attachment, 3);
  }
  return store;
}

const healthyKey = { ...key, id: "healthy" };

test("a log that cannot be read closes its own session only, and is reported", async () => {
  const store = await twoOpenSessions();
  const { epoch, headSequence } = await store.log.acquire(key);
  const poison = {
    firstSequence: headSequence + 1,
    lastSequence: headSequence + 1,
    bytes: new Uint8Array(9),
  };
  await store.log.append(key, { epoch, chunks: [poison], records: [], catalog: [] });
  const errors: unknown[] = [];
  const { engine } = await engineWith(echoAgent(), { store, onError: (error) => errors.push(error) });
  expect((await engine.getRun(healthyKey, "r1")).state).toBe("failed");
  expect(errors.map(String)).toEqual([expect.stringContaining('"t" could not be recovered')]);
  const refusal = { reason: "STORAGE_UNAVAILABLE", metadata: { session_id: "t" } };
  await expect(engine.getSession(key)).rejects.toMatchObject(refusal);
  await expect(engine.start(request(input("r2")), attach())).rejects.toMatchObject(refusal);
  await expect(engine.createSession(key)).rejects.toMatchObject(refusal);
  expect(await store.log.head(key)).toMatchObject({ headSequence: headSequence + 1, epoch });
});

test("a run in the catalog that cannot be read closes its own session only", async () => {
  const store = await twoOpenSessions();
  const entry = await store.catalog.get({ namespace: "default", kind: "run", parent: "t", id: "r1" });
  if (!entry) throw new Error("the run is not in the catalog");
  await store.catalog.put([{ put: { ...entry, value: new Uint8Array([0x7b]) } }]);
  const errors: unknown[] = [];
  const { engine } = await engineWith(echoAgent(), { store, onError: (error) => errors.push(error) });
  expect(errors).toHaveLength(1);
  await expect(engine.getSession(key)).rejects.toMatchObject({ reason: "STORAGE_UNAVAILABLE" });
  expect((await engine.getRun(healthyKey, "r1")).state).toBe("failed");
});

test("opening waits no longer than recoveryTimeoutMs; the session that takes longer opens when it is done", async () => {
  const store = await twoOpenSessions();
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const read: Store["log"]["read"] = async (logKey, options) => {
    if (logKey.id === "t") await released;
    return store.log.read(logKey, options);
  };
  const log = new Proxy(store.log, {
    get: (target, name) => (name === "read" ? read : Reflect.get(target, name).bind?.(target)),
  });
  const errors: unknown[] = [];
  const { engine } = await engineWith(echoAgent(), {
    store: { ...store, catalog: store.catalog, log },
    limits: { recoveryTimeoutMs: 100 },
    onError: (error) => errors.push(error),
  });
  expect(errors.map(String)).toEqual([expect.stringContaining("100 ms (recoveryTimeoutMs)")]);
  await expect(engine.start(request(input("r2")), attach())).rejects.toMatchObject({
    reason: "STORAGE_UNAVAILABLE",
  });
  const healthy = await runToEnd(engine, { ...input("r2"), threadId: "healthy" });
  expect(types(healthy).at(-1)).toBe("RUN_FINISHED");
  release();
  await expect.poll(() => engine.getRun(key, "r1").catch(() => undefined)).toMatchObject({ state: "failed" });
  expect(types(await runToEnd(engine, input("r2"))).at(-1)).toBe("RUN_FINISHED");
});
