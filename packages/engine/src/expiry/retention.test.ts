import { type CatalogEntry, openMemoryStore, type Store } from "@dragoman/event-log";
import { expect, test } from "vitest";
import { interruptKeyOf } from "../entries.ts";
import { expectReason, expiryEngine, hourMs, minuteMs, sessionEvents } from "../testing/expiry-harness.ts";
import {
  agentOf,
  attach,
  echoAgent,
  input,
  key,
  readAll,
  request,
  runToEnd,
  types,
} from "../testing/harness.ts";
import { toolOf } from "../testing/tool-agents.ts";

/** A store that remembers which entries belong to the session of the tests, whatever their kind. */
async function watchedStore() {
  const store = await openMemoryStore();
  const put = new Map<string, CatalogEntry>();
  const note: Store["catalog"]["put"] = async (changes) => {
    for (const change of changes)
      if ("put" in change && change.put.parent === key.id)
        put.set(JSON.stringify([change.put.kind, change.put.id]), change.put);
  };
  const watched: Store = {
    ...store,
    close: () => store.close(),
    log: {
      ...store.log,
      append: (of, batch) => note(batch.catalog).then(() => store.log.append(of, batch)),
    },
    catalog: { ...store.catalog, put: (changes) => note(changes).then(() => store.catalog.put(changes)) },
  };
  const left = async () => {
    const found = await Promise.all([...put.values()].map((entry) => store.catalog.get(entry)));
    return found.flatMap((entry) => (entry ? [entry.kind] : []));
  };
  return { store: watched, kinds: () => new Set([...put.values()].map(({ kind }) => kind)), left };
}

/** Answers, counts, and asks people in its last run. */
const busyAgent = agentOf(async function* ({ threadId, runId }) {
  yield { type: "TEXT_MESSAGE_START", messageId: runId };
  for (let index = 0; index < 2_500; index++)
    yield { type: "TEXT_MESSAGE_CONTENT", messageId: runId, delta: "x" };
  yield { type: "TEXT_MESSAGE_END", messageId: runId };
  const outcome = { type: "interrupt" as const, interrupts: [{ id: "i1", reason: "confirmation" }] };
  yield runId === "r3"
    ? { type: "RUN_FINISHED", threadId, runId, outcome }
    : { type: "RUN_FINISHED", threadId, runId };
});

test("when its retention is over, nothing of a session is left, and its id is free", async () => {
  const { store, kinds, left } = await watchedStore();
  const { engine, clock } = await expiryEngine(busyAgent, { store });
  await engine.createSession(key, { retentionMs: hourMs });
  for (const runId of ["r1", "r2", "r3"]) await runToEnd(engine, input(runId));
  const update = { change: { kind: "merge", patch: { a: 1 } }, requestId: "q" } as const;
  await engine.states.update(key, update);
  await engine.tools.register(key, [toolOf("t", "client")], false);
  const { logId } = await engine.getSession(key);
  await engine.endSession(key);
  expect([...kinds()].sort()).toEqual(["checkpoint", "interrupt", "request", "run", "tool"]);
  await clock.advance(hourMs - 1);
  expect((await engine.getSession(key)).info.state).toBe("ended");
  await clock.advance(1);
  await expectReason(engine.getSession(key), "SESSION_NOT_FOUND");
  await expectReason(engine.endSession(key), "SESSION_NOT_FOUND");
  expect(await left()).toEqual([]);
  expect(await store.log.head(key)).toBeUndefined();
  const query = { namespace: "default", pageSize: 0, pageToken: "" };
  expect((await engine.listSessions(query)).items).toEqual([]);
  expect((await engine.listRuns(query)).items).toEqual([]);
  const seen = await runToEnd(engine, input("r1"));
  expect(seen[0]?.sequence).toBe(1);
  expect((await engine.tools.list({ ...query, sessionId: key.id })).items).toEqual([]);
  const view = await engine.getSession(key);
  expect(view.logId).not.toBe(logId);
  expect(view.info.runCount).toBe(1);
  const cursor = engine.observeSession(key, attach({ after: 1, logId }), false);
  await expectReason(cursor, "CURSOR_OF_ANOTHER_LOG");
  expect(clock.waiting).toBe(0);
});

test("retention counts from the expiry of a session that expired", async () => {
  const { engine, clock } = await expiryEngine(echoAgent());
  await engine.createSession(key, { idleTimeoutMs: hourMs, retentionMs: 10 * minuteMs });
  await clock.advance(hourMs + 10 * minuteMs - 1);
  expect((await engine.getSession(key)).info.state).toBe("expired");
  await clock.advance(1);
  await expectReason(engine.getSession(key), "SESSION_NOT_FOUND");
});

test("who reads a session when it is removed is told", async () => {
  const { engine, clock } = await expiryEngine(busyAgent);
  await engine.createSession(key, { retentionMs: hourMs });
  await runToEnd(engine, input("r1"));
  await engine.endSession(key);
  const slow = await engine.observeSession(key, attach({ mode: "beginning" }), false);
  expect(await slow.next()).not.toBe("end");
  await clock.advance(hourMs);
  await expectReason(readAll(slow), "SESSION_NOT_FOUND");
});

test("the engine's own retention holds for sessions without one, also those that were over before", async () => {
  const store = await openMemoryStore();
  const first = await expiryEngine(echoAgent(), { store });
  const forever = { ...key, id: "kept" };
  await runToEnd(first.engine, input("r1"));
  await first.engine.endSession(key);
  await first.engine.createSession(forever, { retentionMs: 100 * hourMs });
  await first.engine.endSession(forever);
  await first.clock.advance(10 * hourMs);
  await first.engine.close(0);
  const sessionDefaults = { retentionMs: 11 * hourMs };
  const { engine, clock } = await expiryEngine(echoAgent(), { store, clock: first.clock, sessionDefaults });
  await clock.advance(hourMs - 1);
  expect((await engine.getSession(key)).info.state).toBe("ended");
  await clock.advance(1);
  await expectReason(engine.getSession(key), "SESSION_NOT_FOUND");
  expect((await engine.getSession(forever)).info.state).toBe("ended");
});

/** A store of a process that is killed after so many writes: later ones never happen, and nobody hears of it. */
function killedAfter(store: Store, writes: number): Store & { readonly isDead: boolean } {
  let left = writes;
  const write = <T>(call: () => Promise<T>): Promise<T> => (left-- > 0 ? call() : new Promise(() => {}));
  return {
    ...store,
    get isDead() {
      return left < 0;
    },
    close: () => store.close(),
    log: {
      ...store.log,
      acquire: (of, options) => write(() => store.log.acquire(of, options)),
      append: (of, batch) => write(() => store.log.append(of, batch)),
      remove: (of, epoch) => write(() => store.log.remove(of, epoch)),
    },
    catalog: { ...store.catalog, put: (changes) => write(() => store.catalog.put(changes)) },
  };
}

const waitingAgent = agentOf(async function* ({ threadId, runId }, { signal }) {
  if (runId === "r1") {
    const outcome = { type: "interrupt" as const, interrupts: [{ id: "i1", reason: "confirmation" }] };
    yield { type: "RUN_FINISHED", threadId, runId, outcome };
    return;
  }
  yield { type: "TEXT_MESSAGE_START", messageId: runId };
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
});

/** An interrupt, an active run and one that waits, all at their deadline. */
async function sessionAtDeadline(store: Store) {
  const opened = await expiryEngine(waitingAgent, { store });
  const { engine, clock } = opened;
  await engine.createSession(key, { expireAfterMs: hourMs, retentionMs: hourMs });
  await runToEnd(engine, input("r1"));
  const start = { onOpenInterrupts: "cancel" } as const;
  await engine.start(request(input("r2"), start), attach());
  await engine.start(request(input("r3"), { ifActive: "queue" }), attach());
  await clock.advance(hourMs - 1);
  return opened;
}

test("a crash at any write of an expiry: the log says it once, after everything has ended", async () => {
  let isDone = false;
  for (let writes = 0; !isDone; writes++) {
    const store = await openMemoryStore();
    const before = await countWrites(store, sessionAtDeadline);
    const fresh = await openMemoryStore();
    const dying = killedAfter(fresh, before + writes);
    const { clock } = await sessionAtDeadline(dying);
    await clock.advance(1);
    isDone = !dying.isDead;
    const second = await expiryEngine(waitingAgent, { store: fresh, clock });
    await clock.advance(minuteMs);
    expect((await second.engine.getSession(key)).info, `after ${writes} writes`).toMatchObject({
      state: "expired",
    });
    const seen = await sessionEvents(second.engine);
    expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, index) => index + 1));
    expect(types(seen).filter((type) => type === "CUSTOM")).toHaveLength(1);
    expect(types(seen).slice(-3)).toEqual(["RUN_STARTED", "CUSTOM", "RUN_FINISHED"]);
    expect((await second.engine.getSession(key)).openInterrupts).toEqual([]);
    const states = ["r2", "r3"].map(async (runId) => (await second.engine.getRun(key, runId)).state);
    // Before the intent was written, the crash itself is what ended the run.
    const active = writes === 0 ? "failed" : "canceled";
    expect(await Promise.all(states), `after ${writes} writes`).toEqual([active, "canceled"]);
    await clock.advance(hourMs);
    await expectReason(second.engine.getSession(key), "SESSION_NOT_FOUND");
  }
});

test("a crash at any write of a removal: all of it goes, before anybody can have its id again", async () => {
  let isDone = false;
  for (let writes = 0; !isDone; writes++) {
    const { store: fresh, left } = await watchedStore();
    const prepare = async (store: Store) => {
      const opened = await expiryEngine(echoAgent(), { store });
      await opened.engine.createSession(key, { retentionMs: hourMs });
      await runToEnd(opened.engine, input("r1"));
      await opened.engine.endSession(key);
      return opened;
    };
    const before = await countWrites(await openMemoryStore(), prepare);
    const dying = killedAfter(fresh, before + writes);
    const { clock } = await prepare(dying);
    await clock.advance(hourMs);
    isDone = !dying.isDead;
    const second = await expiryEngine(echoAgent(), { store: fresh, clock });
    await clock.advance(minuteMs);
    await expectReason(second.engine.getSession(key), "SESSION_NOT_FOUND");
    expect(await left(), `after ${writes} writes`).toEqual([]);
    expect(await fresh.log.head(key)).toBeUndefined();
    await runToEnd(second.engine, input("r1"));
    expect((await second.engine.getSession(key)).headSequence).toBe(6);
  }
});

/** How many writes something takes. */
async function countWrites(store: Store, task: (store: Store) => Promise<unknown>): Promise<number> {
  let count = 0;
  const write = <T>(call: () => Promise<T>): Promise<T> => {
    count++;
    return call();
  };
  await task({
    ...store,
    log: {
      ...store.log,
      acquire: (of, options) => write(() => store.log.acquire(of, options)),
      append: (of, batch) => write(() => store.log.append(of, batch)),
    },
    catalog: { ...store.catalog, put: (changes) => write(() => store.catalog.put(changes)) },
    close: () => store.close(),
  });
  return count;
}

test("an interrupt is found by its run until it goes with its session", async () => {
  const store = await openMemoryStore();
  const { engine, clock } = await expiryEngine(waitingAgent, { store });
  await engine.createSession(key, { expireAfterMs: hourMs, retentionMs: hourMs });
  await runToEnd(engine, input("r1"));
  const entry = { namespace: "default", kind: "interrupt", parent: "t", id: interruptKeyOf("r1", "i1") };
  expect((await store.catalog.get(entry))?.state).toBe("open");
  await clock.advance(hourMs);
  expect((await store.catalog.get(entry))?.state).toBe("decided");
  await clock.advance(hourMs);
  expect(await store.catalog.get(entry)).toBeUndefined();
});
