import type { Agent, AgentOutput } from "@dragoman/agent";
import { expect, test } from "vitest";
import type { Engine } from "../engine.ts";
import { expiryEngine, hourMs } from "../testing/expiry-harness.ts";
import { agentOf, echoAgent, engineWith, input, key, runToEnd } from "../testing/harness.ts";
import type { EventFilter } from "./event-filter.ts";
import type { ReplayOptions } from "./replay-events.ts";

const { signal } = new AbortController();
const merge = (patch: object) => ({ change: { kind: "merge", patch: patch as never } }) as const;
const keyOf = (id: string) => ({ namespace: "default", id });

interface Replayed {
  readonly at: string;
  readonly cursor: string;
}

async function replay(engine: Engine, options: Partial<ReplayOptions> = {}): Promise<Replayed[]> {
  const all: Replayed[] = [];
  const whole = { namespace: "default", filter: {}, cursor: "", signal, ...options };
  for await (const page of engine.events.replay(whole)) {
    page.events.forEach(({ sessionId, runId, sequence }, index) => {
      all.push({ at: `${sessionId}/${runId}/${sequence}`, cursor: page.cursorAfter(index) });
    });
  }
  return all;
}

const places = (replayed: readonly Replayed[]) => replayed.map(({ at }) => at);
const watchOptions = (filter: EventFilter = {}) => ({ namespace: "default", filter, idleMs: 50, signal });

/** An agent whose events are not checked: it names a run that is none, or no run at all. */
const unchecked = (saysRunStarted: boolean): Agent => ({
  unverified: true,
  ...agentOf(async function* ({ threadId }): AsyncGenerator<AgentOutput> {
    if (saysRunStarted) yield { type: "RUN_STARTED", threadId, runId: "another" };
    yield { type: "CUSTOM", name: "unchecked", value: 1 };
    yield { type: "RUN_FINISHED", threadId, runId: "another" };
  }),
});

test("what a slow watcher missed is told where it is missing", async () => {
  const { engine } = await engineWith(echoAgent(), { limits: { watchPendingMaxBytes: 700 } });
  await engine.createSession(key, {}, {});
  const watch = engine.events.watch(watchOptions());
  const seen: [skipped: number, first: number | undefined, last: number | undefined][] = [];
  const read = async () => {
    for (let next = await watch.next(); next !== "idle"; next = await watch.next())
      seen.push([next.skippedCount, next.events[0]?.sequence, next.events.at(-1)?.sequence]);
  };
  for (let n = 0; n < 12; n++) await engine.states.update(key, merge({ n }));
  await read();
  await engine.states.update(key, merge({ n: -1 }));
  await read();
  watch.close();
  let last = 3; // what was there before
  for (const [skippedCount, from, to] of seen) {
    expect(from ?? last + skippedCount + 1).toBe(last + skippedCount + 1);
    last = to ?? last + skippedCount;
  }
  expect(last).toBe(42);
  expect(seen.some(([skippedCount]) => skippedCount > 0)).toBe(true);
});

test("a watcher reads on over any number of events that it does not want", async () => {
  const { engine } = await engineWith(echoAgent(), { limits: { watchPendingMaxBytes: 100_000_000 } });
  await engine.createSession(key, {}, {});
  const watch = engine.events.watch(watchOptions({ eventTypes: ["CUSTOM"] }));
  for (let n = 0; n < 15_000; n++) await engine.states.update(key, merge({ n }));
  await engine.endSession(key);
  expect(await watch.next()).toMatchObject({ events: [{ event: { type: "CUSTOM" } }], skippedCount: 0 });
  watch.close();
}, 60_000);

test.each([true, false])("events that were not checked are of their run (RUN_STARTED: %s)", async (says) => {
  const { engine } = await engineWith(unchecked(says));
  const watch = engine.events.watch(watchOptions({ runIds: ["r2"] }));
  await runToEnd(engine, input("r1"));
  await runToEnd(engine, input("r2"));
  const count = says ? 3 : 2;
  const expected = Array.from({ length: count }, (_, index) => `t/r2/${count + index + 1}`);
  expect((await replay(engine)).length).toBe(2 * count);
  expect(places(await replay(engine, { filter: { runIds: ["r2"] } }))).toEqual(expected);
  const watched: string[] = [];
  while (watched.length < count) {
    const next = await watch.next();
    if (next === "idle") break;
    watched.push(...next.events.map(({ runId, sequence }) => `t/${runId}/${sequence}`));
  }
  watch.close();
  expect(watched).toEqual(expected);
});

test("a session that is named twice is replayed once", async () => {
  const { engine } = await engineWith(echoAgent());
  await runToEnd(engine, input("r1"));
  const once = await replay(engine, { filter: { sessionIds: ["t"] } });
  const twice = { filter: { sessionIds: ["t", "t"] } };
  expect(places(await replay(engine, twice))).toEqual(places(once));
  expect(places(await replay(engine, { ...twice, afterSequence: 2 }))).toEqual(places(once).slice(2));
});

test("a replay goes on with the next session, whole, where its own was removed or made again meanwhile", async () => {
  const { engine, clock } = await expiryEngine(echoAgent());
  for (const id of ["s1", "s2", "s3"]) {
    await engine.createSession(keyOf(id), id === "s2" ? { retentionMs: hourMs } : {}, { id });
    await runToEnd(engine, { ...input(`of-${id}`), threadId: id });
    await clock.advance(1);
  }
  const whole = await replay(engine);
  const cursor = whole.find(({ at }) => at.startsWith("s2/"))?.cursor ?? "";
  const named = { filter: { sessionIds: ["s2", "s1"] } };
  const namedCursor = (await replay(engine, named))[4]?.cursor ?? "";
  await engine.endSession(keyOf("s2"));
  await clock.advance(hourMs + 1);
  await expect(engine.getSession(keyOf("s2"))).rejects.toMatchObject({ reason: "SESSION_NOT_FOUND" });
  const ofS1 = places(whole).filter((at) => at.startsWith("s1/"));
  expect(places(await replay(engine, { cursor }))).toEqual(ofS1);
  await expect(replay(engine, { ...named, cursor: namedCursor })).rejects.toMatchObject({
    reason: "SESSION_NOT_FOUND",
  });
  await engine.createSession(keyOf("s2"), {}, { again: true });
  expect(places(await replay(engine, { cursor }))).toEqual(ofS1);
  const again = places(await replay(engine, { filter: { sessionIds: ["s2"] } }));
  expect(again).toHaveLength(3);
  expect(places(await replay(engine, { ...named, cursor: namedCursor }))).toEqual([...again, ...ofS1]);
});

test("a cursor that was changed is refused", async () => {
  const { engine } = await engineWith(echoAgent());
  await runToEnd(engine, input("r1"));
  const [first] = await replay(engine);
  const token = JSON.parse(Buffer.from(first?.cursor ?? "", "base64url").toString()) as unknown[];
  const changed = [
    ["x", ...token.slice(1)],
    token.slice(0, 4),
    [...token.slice(0, 4), "1", "t"],
    [token[0], -1, ...token.slice(2)],
    [token[0], 0, 1.5, ...token.slice(3)],
    [token[0], 0, 1, 7, ...token.slice(4)],
    { 0: token[0] },
    null,
  ];
  for (const parts of changed) {
    const cursor = Buffer.from(JSON.stringify(parts)).toString("base64url");
    await expect(replay(engine, { cursor })).rejects.toMatchObject({ reason: "INVALID_PAGE_TOKEN" });
  }
});

test("a time that an agent made up and no clock shows is not the time of an event", async () => {
  const agent = agentOf(async function* ({ threadId, runId }): AsyncGenerator<AgentOutput> {
    yield { type: "CUSTOM", name: "microseconds", value: 1, timestamp: 1_763_714_000_000_000 };
    yield { type: "CUSTOM", name: "long ago", value: 1, timestamp: -1e15 };
    yield { type: "CUSTOM", name: "fine", value: 1, timestamp: 1_000 };
    yield { type: "RUN_FINISHED", threadId, runId };
  });
  const { engine } = await engineWith(agent, { now: () => 5_000 });
  await runToEnd(engine, input("r1"));
  const times: number[] = [];
  for await (const page of engine.events.replay({ namespace: "default", filter: {}, cursor: "", signal }))
    times.push(...page.events.map(({ time }) => time));
  expect(times).toEqual([5_000, 5_000, 5_000, 1_000, 5_000]);
});

test("a replay over sessions that it does not want says that it is there, and where", async () => {
  const { engine } = await engineWith(echoAgent(), { now: () => 5_000 });
  for (const id of ["s1", "s2"]) await runToEnd(engine, { ...input("r1"), threadId: id });
  const options = { namespace: "default", filter: {}, endTime: 4_000, signal };
  let pages = 0;
  let cursor = "";
  for await (const page of engine.events.replay({ ...options, cursor: "" })) {
    cursor ||= page.cursorAfter(-1);
    pages++;
  }
  expect(pages).toBe(2);
  expect(await replay(engine, { ...options, cursor })).toEqual([]);
});

test("watches of a state that are left make room for others", async () => {
  const { engine } = await engineWith(echoAgent(), { limits: { readersPerSessionMax: 3 } });
  await engine.createSession(key, {}, {});
  for (let n = 0; n < 100; n++) {
    const leaving = new AbortController();
    const watch = await engine.states.watch(key, { idleMs: 60_000, signal: leaving.signal });
    const end = watch.next().then(() => watch.next());
    leaving.abort(new Error("left"));
    await expect(end).rejects.toThrow("left");
    watch.close();
  }
});
