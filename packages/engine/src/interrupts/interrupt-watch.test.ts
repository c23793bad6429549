import type { Interrupt } from "@dragoman/agui";
import { afterEach, expect, test } from "vitest";
import type { Engine, EngineOptions } from "../engine.ts";
import { askingAgent, cancelled, toolCall, yes } from "../testing/asking-agent.ts";
import { engineWith, input, key, runToEnd, user } from "../testing/harness.ts";
import type { InterruptFilter, InterruptWatch, InterruptWatchResult } from "./interrupt-watch.ts";

const question = (id: string, more: Partial<Interrupt> = {}): Interrupt => ({ id, reason: "input", ...more });
const of = (id: string) => ({ ...key, id });

let watches: InterruptWatch[] = [];
afterEach(() => {
  for (const watch of watches) watch.close();
  watches = [];
});

function watching(
  engine: Engine,
  filter: InterruptFilter = {},
  more: { idleMs?: number; signal?: AbortSignal } = {},
) {
  const watch = engine.interrupts.watch({
    namespace: "default",
    filter,
    idleMs: 10_000,
    signal: new AbortController().signal,
    ...more,
  });
  watches.push(watch);
  return watch;
}

const agent = askingAgent([]);

async function opened(options: Partial<EngineOptions> = {}) {
  return (await engineWith(agent, options)).engine;
}

/** A session asks. */
async function ask(engine: Engine, sessionId: string, interrupts: readonly Interrupt[], runId = "r1") {
  agent.ask(interrupts);
  const runInput = { ...input(runId, [user(`${sessionId}-${runId}`)]), threadId: sessionId };
  await runToEnd(engine, runInput, { ifActive: "queue" });
}

function describeItem(result: InterruptWatchResult): string {
  if (typeof result === "string") return result;
  if ("caughtUp" in result) return `caught up with ${result.caughtUp}`;
  const { sessionId, interrupt, state, answer } = result.interrupt;
  const how = result.isExpired ? "expired" : state === "open" ? "open" : answer?.status;
  return `${sessionId} ${interrupt.id} ${how}`;
}

async function take(watch: InterruptWatch, count: number): Promise<string[]> {
  const items: string[] = [];
  while (items.length < count) items.push(describeItem(await watch.next()));
  return items;
}

test("what waits comes first, then what changes", async () => {
  const engine = await opened();
  await ask(engine, "s1", [question("a"), question("b")]);
  await ask(engine, "s2", [question("c")]);
  const watch = watching(engine);
  expect(new Set(await take(watch, 3))).toEqual(new Set(["s1 a open", "s1 b open", "s2 c open"]));
  expect(await take(watch, 1)).toEqual(["caught up with 3"]);
  await engine.interrupts.resolve(of("s1"), { interruptId: "a", ...yes });
  expect(await take(watch, 1)).toEqual(["s1 a resolved"]);
  await ask(engine, "s3", [question("d")]);
  expect(await take(watch, 1)).toEqual(["s3 d open"]);
  await engine.interrupts.resolve(of("s3"), { interruptId: "d", ...cancelled });
  expect(await take(watch, 1)).toEqual(["s3 d cancelled"]);
});

test("an item says what is asked, by whom, and what is guarded", async () => {
  const engine = await opened();
  await ask(engine, "s1", [question("a", { toolCallId: toolCall.id, message: "May I?" })]);
  expect(await watching(engine).next()).toMatchObject({
    interrupt: {
      sessionId: "s1",
      runId: "r1",
      agentId: "agent",
      interrupt: { message: "May I?" },
      toolName: "delete",
      toolArguments: '{"path":"/"}',
    },
  });
});

test.each<[InterruptFilter, string[]]>([
  [{ sessionId: "s2" }, ["s2 c open", "caught up with 1"]],
  [{ runId: "r2" }, ["s3 d open", "caught up with 1"]],
  [{ reason: "tool_call" }, ["s2 c open", "caught up with 1"]],
  [{ agentId: "agent", sessionId: "s1" }, ["s1 a open", "caught up with 1"]],
  [{ agentId: "other" }, ["caught up with 0"]],
])("%j filters what waits and what changes", async (filter, expected) => {
  const engine = await opened();
  const live = watching(engine, filter);
  expect(await take(live, 1)).toEqual(["caught up with 0"]);
  await ask(engine, "s1", [question("a")]);
  await ask(engine, "s2", [question("c", { reason: "tool_call" })]);
  await ask(engine, "s3", [question("d")], "r2");
  expect(await take(watching(engine, filter), expected.length)).toEqual(expected);
  expect(await take(live, expected.length - 1)).toEqual(expected.slice(0, -1));
});

test("somebody else's are not shown", async () => {
  const engine = await opened();
  const other = engine.interrupts.watch({
    namespace: "other",
    filter: {},
    idleMs: 20,
    signal: new AbortController().signal,
  });
  watches.push(other);
  await ask(engine, "s1", [question("a")]);
  expect(await take(other, 2)).toEqual(["caught up with 0", "idle"]);
});

test("one that expires is told when it happens, and one that expired before is shown so", async () => {
  const engine = await opened();
  const soon = new Date(Date.now() + 300).toISOString();
  await ask(engine, "s1", [question("a", { expiresAt: "2001-01-01T00:00:00Z" })]);
  await ask(engine, "s2", [question("b", { expiresAt: soon })]);
  const watch = watching(engine);
  expect(new Set(await take(watch, 2))).toEqual(new Set(["s1 a expired", "s2 b open"]));
  expect(await take(watch, 2)).toEqual(["caught up with 2", "s2 b expired"]);
  await engine.interrupts.resolve(of("s2"), { interruptId: "b", ...cancelled });
  expect(await take(watch, 1)).toEqual(["s2 b cancelled"]);
});

test("many that expire at once are each told once", async () => {
  let now = Date.now();
  const engine = await opened({ now: () => now });
  const expiresAt = new Date(now + 2_000).toISOString();
  const sessions = ["s1", "s2", "s3"];
  const all = Array.from({ length: 900 }, (_, index) => question(`q${index}`, { expiresAt }));
  for (const sessionId of sessions) await ask(engine, sessionId, all);
  const watch = watching(engine, {}, { idleMs: 3_000 });
  expect((await take(watch, 2_701)).at(-1)).toBe("caught up with 2700");
  now += 3_000;
  const told = await take(watch, 2_700);
  expect(new Set(told).size).toBe(2_700);
  expect(told.every((item) => item.endsWith(" expired"))).toBe(true);
  await engine.interrupts.resolve(of("s1"), { interruptId: "q0", ...cancelled });
  expect(await take(watch, 1)).toEqual(["s1 q0 cancelled"]);
});

test("one that is decided does not expire", async () => {
  const engine = await opened();
  const soon = new Date(Date.now() + 400).toISOString();
  await ask(engine, "s1", [question("a", { expiresAt: soon }), question("b")]);
  const watch = watching(engine, {}, { idleMs: 600 });
  await take(watch, 3);
  await engine.interrupts.resolve(of("s1"), { interruptId: "a", ...yes });
  expect(await take(watch, 2)).toEqual(["s1 a resolved", "idle"]);
});

test("sessions that end are seen to cancel what waits", async () => {
  const engine = await opened();
  await ask(engine, "s1", [question("a")]);
  const watch = watching(engine);
  await take(watch, 2);
  await engine.endSession(of("s1"));
  expect(await take(watch, 1)).toEqual(["s1 a cancelled"]);
});

test("who is slow gets an interrupt once, as it is by then", async () => {
  const engine = await opened();
  const watch = watching(engine);
  await take(watch, 1);
  for (const sessionId of ["s1", "s2"]) await ask(engine, sessionId, [question("a")]);
  await engine.interrupts.resolve(of("s1"), { interruptId: "a", ...yes });
  expect(await take(watch, 2)).toEqual(["s1 a resolved", "s2 a open"]);
  await ask(engine, "s3", [question("z")]);
  expect(await take(watch, 1)).toEqual(["s3 z open"]);
});

test("who is too slow is told to watch again", async () => {
  const engine = await opened({ limits: { watchedInterruptsMax: 2 } });
  const watch = watching(engine);
  await take(watch, 1);
  await ask(engine, "s1", [question("a"), question("b"), question("c")]);
  await expect(watch.next()).rejects.toMatchObject({
    reason: "LIMIT_REACHED",
    metadata: { limit: "watchedInterruptsMax" },
  });
});

test("an abort ends the watch", async () => {
  const engine = await opened();
  const controller = new AbortController();
  const watch = watching(engine, {}, { signal: controller.signal });
  await take(watch, 1);
  const next = watch.next();
  controller.abort(new Error("enough"));
  await expect(next).rejects.toThrow("enough");
});

test.each([1, 2, 3, 4])(
  "between the list and what follows nothing is missed or told twice (%i)",
  async (nth) => {
    const engine = await opened();
    const sessions = Array.from({ length: 12 }, (_, index) => `s${index}`);
    const asked = sessions.map((sessionId) => ask(engine, sessionId, [question("q")]));
    await Promise.all(asked.slice(0, 6));
    const watch = watching(engine);
    const shown = new Map<string, string[]>();
    const seeing = (async () => {
      for (;;) {
        const result = await watch.next();
        if (typeof result === "string") return;
        if (!("interrupt" in result)) continue;
        const { sessionId, state, answer } = result.interrupt;
        const of = shown.get(sessionId) ?? [];
        shown.set(sessionId, [...of, answer?.status ?? state]);
      }
    })();
    for (const [index, sessionId] of sessions.entries()) {
      await asked[index];
      if (index % nth === 0) await engine.interrupts.resolve(of(sessionId), { interruptId: "q", ...yes });
      else await engine.interrupts.resolve(of(sessionId), { interruptId: "q", ...cancelled });
    }
    const decided = () => [...shown.values()].filter((states) => states.at(-1) !== "open").length;
    for (let tries = 0; decided() < sessions.length && tries < 1_000; tries++)
      await new Promise((resolve) => setImmediate(resolve));
    watch.wake();
    await seeing;
    for (const sessionId of sessions) {
      const states = shown.get(sessionId) ?? [];
      expect(new Set(states).size, `${sessionId}: ${states}`).toBe(states.length);
      expect(states.at(-1)).toMatch(/resolved|cancelled/);
    }
  },
);
