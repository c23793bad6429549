import { openMemoryStore, withFaults } from "@dragoman/event-log";
import { expect, test } from "vitest";
import type { Engine } from "../engine.ts";
import { EngineError } from "../errors.ts";
import { expectReason, expiryEngine, hourMs, minuteMs, sessionEvents } from "../testing/expiry-harness.ts";
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
} from "../testing/harness.ts";

const iso = (time: number) => new Date(time).toISOString();

test("a session expires in time: the log says so once, and what writes is refused from then on", async () => {
  const { engine, clock } = await expiryEngine(echoAgent());
  const made = await engine.createSession(key, { expireAfterMs: hourMs });
  const expireTime = clock.now() + hourMs;
  expect(made).toMatchObject({ expireTime, info: { state: "active" } });
  await runToEnd(engine, input("r1"));
  await clock.advance(hourMs - 1);
  expect((await engine.getSession(key)).info.state).toBe("active");
  await clock.advance(1);
  const view = await engine.getSession(key);
  expect(view).toMatchObject({ expireTime, info: { state: "expired", endTime: expireTime, expireTime } });
  const seen = await sessionEvents(engine);
  expect(types(seen).slice(6)).toEqual(["RUN_STARTED", "CUSTOM", "RUN_FINISHED"]);
  expect(seen[6]?.event).toMatchObject({ metadata: { "dragoman-origin": "session" } });
  expect(seen[7]?.event).toMatchObject({
    name: "dragoman.session_expired",
    value: { expireTime: iso(expireTime), why: "expire_after" },
  });
  const metadata = { session_id: "t", expire_time: iso(expireTime) };
  await expectReason(engine.start(request(input("r2")), attach()), "SESSION_EXPIRED", metadata);
  const change = { kind: "merge", patch: { a: 1 } } as const;
  await expectReason(engine.states.update(key, { change }), "SESSION_EXPIRED", metadata);
  expect((await engine.endSession(key)).info.state).toBe("expired");
  await clock.advance(10 * hourMs);
  expect(await sessionEvents(engine)).toEqual(seen);
  expect(clock.waiting).toBe(0);
});

test("a run that exists can be joined after its session expired", async () => {
  const { engine, clock } = await expiryEngine(echoAgent());
  await engine.createSession(key, { expireAfterMs: hourMs });
  const before = await runToEnd(engine, input("r1"));
  await clock.advance(hourMs);
  expect(await runToEnd(engine, input("r1"))).toEqual(before);
});

test("an idle time-out begins anew with every event of a run or a change, and not with a read", async () => {
  const { engine, clock } = await expiryEngine(echoAgent());
  await engine.createSession(key, { idleTimeoutMs: hourMs });
  await clock.advance(50 * minuteMs);
  await runToEnd(engine, input("r1"));
  await clock.advance(50 * minuteMs);
  await engine.states.update(key, { change: { kind: "merge", patch: { a: 1 } } });
  await clock.advance(50 * minuteMs);
  const expireTime = clock.now() + 10 * minuteMs;
  expect(await engine.getSession(key)).toMatchObject({ expireTime, info: { state: "active" } });
  await engine.messages(key);
  await clock.advance(10 * minuteMs);
  expect(await engine.getSession(key)).toMatchObject({ expireTime, info: { state: "expired" } });
  const custom = (await sessionEvents(engine)).at(-2);
  expect(custom?.event).toMatchObject({ value: { why: "idle_timeout", expireTime: iso(expireTime) } });
});

test("an active run keeps its session from being idle, however silent it is", async () => {
  const agent = heldAgent();
  const { engine, clock } = await expiryEngine(agent);
  await engine.createSession(key, { idleTimeoutMs: hourMs });
  const { attachment } = await engine.start(request(input("r1")), attach());
  await agent.started;
  await clock.advance(10 * hourMs);
  const expireTime = clock.now() + hourMs;
  expect(await engine.getSession(key)).toMatchObject({ expireTime, info: { state: "active" } });
  agent.release();
  expect(types(await readAll(attachment)).at(-1)).toBe("RUN_FINISHED");
  await clock.advance(hourMs - 1);
  expect((await engine.getSession(key)).info.state).toBe("active");
  await clock.advance(1);
  expect((await engine.getSession(key)).info.state).toBe("expired");
});

test("a run that waits for people keeps nothing alive, and its interrupts are closed", async () => {
  const agent = agentOf(async function* ({ threadId, runId }) {
    const outcome = { type: "interrupt" as const, interrupts: [{ id: "i1", reason: "confirmation" }] };
    yield { type: "RUN_FINISHED", threadId, runId, outcome };
  });
  const { engine, clock } = await expiryEngine(agent, { sessionDefaults: { idleTimeoutMs: hourMs } });
  await runToEnd(engine, input("r1"));
  expect((await engine.getSession(key)).openInterrupts).toHaveLength(1);
  await clock.advance(hourMs);
  expect(await engine.getSession(key)).toMatchObject({ openInterrupts: [], info: { state: "expired" } });
  const resume = [{ interruptId: "i1", status: "resolved" as const, payload: true }];
  await expectReason(engine.start(request(input("r2", [], { resume })), attach()), "SESSION_EXPIRED");
});

test("a session that expires ends its active run and those that wait, before it says so", async () => {
  const agent = heldAgent();
  const { engine, clock } = await expiryEngine(agent);
  await engine.createSession(key, { expireAfterMs: hourMs });
  const { attachment } = await engine.start(request(input("r1")), attach());
  await agent.started;
  const waiting = await engine.start(request(input("r2"), { ifActive: "queue" }), attach());
  await clock.advance(hourMs);
  await agent.stopped;
  for (const run of [attachment, waiting.attachment]) {
    const seen = await readAll(run);
    expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_FINISHED", outcome: { type: "cancelled" } });
  }
  const seen = await sessionEvents(engine);
  expect(types(seen).slice(-3)).toEqual(["RUN_STARTED", "CUSTOM", "RUN_FINISHED"]);
  const runs = (await engine.listRuns({ namespace: "default", pageSize: 0, pageToken: "" })).items;
  expect(runs.map(({ origin, state }) => [origin, state])).toEqual([
    ["session", "succeeded"],
    ["agent", "canceled"],
    ["agent", "canceled"],
  ]);
  agent.release();
});

test("what comes after the deadline and before its timer is too late as well", async () => {
  const { engine, clock } = await expiryEngine(echoAgent(), { timer: () => () => {} });
  await engine.createSession(key, { expireAfterMs: hourMs });
  await clock.advance(hourMs);
  await expectReason(engine.start(request(input("r1")), attach()), "SESSION_EXPIRED");
  expect((await engine.getSession(key)).info.state).toBe("expired");
});

test("a session that is not in memory expires as well, in another process too", async () => {
  const store = await openMemoryStore();
  const first = await expiryEngine(echoAgent(), { store });
  await first.engine.createSession(key, { idleTimeoutMs: hourMs });
  await first.clock.advance(30 * minuteMs);
  await runToEnd(first.engine, input("r1"));
  await first.engine.close(0);
  const second = await expiryEngine(echoAgent(), { store, clock: first.clock });
  await second.clock.advance(hourMs - 1);
  expect((await second.engine.getSession(key)).info.state).toBe("active");
  await second.clock.advance(1);
  const { items } = await second.engine.listSessions({ namespace: "default", pageSize: 0, pageToken: "" });
  expect(items).toMatchObject([{ state: "expired" }]);
});

test("sessions that were implicitly made follow what the engine is told, and say so", async () => {
  const sessionDefaults = { expireAfterMs: hourMs, idleTimeoutMs: minuteMs };
  const { engine, clock } = await expiryEngine(echoAgent(), { sessionDefaults });
  await runToEnd(engine, input("r1"));
  expect((await engine.getSession(key)).info.options).toEqual(sessionDefaults);
  const own = await engine.createSession({ ...key, id: "own" }, { idleTimeoutMs: 2 * hourMs });
  expect(own.info.options).toEqual({ expireAfterMs: hourMs, idleTimeoutMs: 2 * hourMs });
  await clock.advance(minuteMs);
  expect((await engine.getSession(key)).info.state).toBe("expired");
  expect((await engine.getSession({ ...key, id: "own" })).info.state).toBe("active");
});

test("an end is said in the log once, whoever asks and how often, and drops the state if asked", async () => {
  const { engine, clock } = await expiryEngine(echoAgent());
  await engine.createSession(key, {}, { a: 1 });
  const ended = await Promise.all([
    engine.endSession(key, true),
    engine.endSession(key),
    engine.endSession(key),
  ]);
  for (const { info } of ended) expect(info).toMatchObject({ state: "ended", endTime: clock.now() });
  const seen = await sessionEvents(engine);
  expect(types(seen).slice(3)).toEqual(["RUN_STARTED", "STATE_SNAPSHOT", "CUSTOM", "RUN_FINISHED"]);
  expect(seen.at(-2)?.event).toMatchObject({
    name: "dragoman.session_ended",
    value: { endTime: iso(clock.now()) },
  });
  expect((await engine.states.get(key)).state).toEqual({});
  await expectReason(engine.start(request(input("r1")), attach()), "SESSION_ENDED");
});

test("who follows a session is with it to its end", async () => {
  const { engine, clock } = await expiryEngine(echoAgent());
  await engine.createSession(key, { expireAfterMs: hourMs });
  const following = engine.observeSession(key, attach(), true).then((attachment) => readAll(attachment));
  await clock.advance(hourMs);
  expect(types(await following)).toEqual(["RUN_STARTED", "CUSTOM", "RUN_FINISHED"]);
});

test("who looks while the end is written is not told that it was all", async () => {
  for (let steps = 0; steps < 40; steps++) {
    const { engine } = await expiryEngine(echoAgent());
    await engine.createSession(key);
    const following = await engine.observeSession(key, attach(), true);
    const ending = engine.endSession(key);
    for (let step = 0; step < steps; step++) await Promise.resolve();
    expect(types(await readAll(following)), `after ${steps} steps`).toHaveLength(3);
    await ending;
  }
});

test("a store that takes nothing for a while delays the end, and no more", async () => {
  const store = withFaults(await openMemoryStore(), { seed: 1, full: 1 });
  store.enable(false);
  const { engine, clock } = await expiryEngine(echoAgent(), { store });
  await engine.createSession(key, { expireAfterMs: hourMs });
  await runToEnd(engine, input("r1"));
  store.enable(true);
  await clock.advance(hourMs + minuteMs);
  store.enable(false);
  await expectReason(engine.start(request(input("r2")), attach()), "SESSION_EXPIRED");
  await clock.advance(minuteMs);
  expect((await engine.getSession(key)).info.state).toBe("expired");
  const named = (await sessionEvents(engine)).filter(({ event }) => event.type === "CUSTOM");
  expect(named).toHaveLength(1);
});

test.each(["full", "failBefore", "failAfter"] as const)(
  "an end whose answer is %s is found out and said once",
  async (fault) => {
    for (const isEnd of [true, false]) {
      const store = withFaults(await openMemoryStore(), { seed: 1, [fault]: 1 });
      store.enable(false);
      const { engine, clock } = await expiryEngine(echoAgent(), { store, limits: { sessionsMax: 1 } });
      await engine.createSession(key, { expireAfterMs: hourMs });
      await runToEnd(engine, input("r1"));
      store.enable(true);
      if (isEnd) await expect(engine.endSession(key)).rejects.toBeInstanceOf(EngineError);
      else await clock.advance(hourMs);
      store.enable(false);
      await clock.advance(minuteMs);
      const view = await engine.getSession(key);
      const isWritten = fault === "failAfter" || !isEnd;
      expect(view.info.state).toBe(isEnd ? (isWritten ? "ended" : "active") : "expired");
      if (!isWritten) await engine.endSession(key);
      await clock.advance(2 * hourMs);
      const named = (await sessionEvents(engine)).filter(({ event }) => event.type === "CUSTOM");
      expect(named).toHaveLength(1);
      // It is over, so there is room for another one.
      await engine.createSession({ ...key, id: "other" });
    }
  },
);

test("many sessions expire, only some of them at once and each once", async () => {
  const limits = { expiriesParallelMax: 3, deadlinesMax: 20, idleSessionsMax: 5 };
  const { engine, clock } = await expiryEngine(echoAgent(), { limits });
  const ids = Array.from({ length: 100 }, (_, index) => `s${index}`);
  for (const [index, id] of ids.entries())
    await engine.createSession({ ...key, id }, { expireAfterMs: hourMs + (index % 10) * minuteMs });
  await clock.advance(hourMs + 4 * minuteMs);
  expect(await countOf(engine, "expired")).toBe(50);
  await clock.advance(hourMs);
  expect(await countOf(engine, "expired")).toBe(100);
  for (const id of ["s0", "s55", "s99"]) expect(await sessionEvents(engine, id)).toHaveLength(3);
});

test("there may be only so many active sessions; an end makes room", async () => {
  const store = await openMemoryStore();
  const limits = { sessionsMax: 2 };
  const { engine } = await expiryEngine(echoAgent(), { limits, store });
  await engine.createSession({ ...key, id: "a" });
  await runToEnd(engine, input("r1"));
  const metadata = { limit: "sessionsMax", value: "2" };
  await expectReason(engine.createSession({ ...key, id: "b" }), "LIMIT_REACHED", metadata);
  await expectReason(engine.createSession({ ...key, id: "a" }), "SESSION_EXISTS");
  const other = input("r1", [], { threadId: "b" });
  await expectReason(engine.start(request(other), attach()), "LIMIT_REACHED", metadata);
  await expectReason(engine.getSession({ ...key, id: "b" }), "SESSION_NOT_FOUND");
  await runToEnd(engine, input("r2"));
  const again = await expiryEngine(echoAgent(), { limits, store });
  await expectReason(again.engine.createSession({ ...key, id: "b" }), "LIMIT_REACHED", metadata);
  await again.engine.endSession(key);
  await again.engine.createSession({ ...key, id: "b" });
  await expectReason(again.engine.createSession({ ...key, id: "c" }), "LIMIT_REACHED", metadata);
});

test("options that are too large are refused by name", async () => {
  const { engine } = await expiryEngine(echoAgent(), { limits: { sessionOptionsMaxBytes: 100 } });
  const metadata = { text: "x".repeat(100) };
  const limit = { limit: "sessionOptionsMaxBytes", value: "100" };
  await expectReason(engine.createSession(key, { metadata }), "LIMIT_REACHED", limit);
  await engine.createSession(key, { metadata: { text: "x" } });
});

async function countOf(engine: Engine, state: "active" | "expired"): Promise<number> {
  const query = { namespace: "default", pageSize: 1_000, pageToken: "", state };
  return (await engine.listSessions(query)).items.length;
}
