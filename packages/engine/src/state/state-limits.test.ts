import type { AgentOutput } from "@dragoman/agent";
import { type AguiEvent, decodeEvent, type Json, type JsonPatchOperation, readFrames } from "@dragoman/agui";
import { openMemoryStore, type Store } from "@dragoman/event-log";
import { expect, test } from "vitest";
import type { Attachment } from "../attachment.ts";
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

const merge = (patch: Json) => ({ kind: "merge", patch }) as const;
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

/** An agent that emits these patches. */
const patching = (...deltas: JsonPatchOperation[][]) =>
  agentOf(async function* ({ threadId, runId }): AsyncGenerator<AgentOutput> {
    for (const delta of deltas) yield { type: "STATE_DELTA", delta };
    yield { type: "RUN_FINISHED", threadId, runId };
  });

test("changes cannot make a state that fits into no event, together or alone, but can make it smaller", async () => {
  const { engine } = await engineWith(echoAgent(), { limits: { eventMaxBytes: 20_000 } });
  await engine.createSession(key, {}, {});
  const grow = async () => {
    for (let n = 0; ; n++) await engine.states.update(key, { change: merge({ [`k${n}`]: numbers(100) }) });
  };
  await expect(grow()).rejects.toMatchObject({
    reason: "LIMIT_REACHED",
    metadata: { limit: "eventMaxBytes", value: "20000" },
  });
  const { state } = await engine.states.get(key);
  expect(Object.keys(state as object).length).toBeGreaterThan(10);
  expect(types(await runToEnd(engine, input("r1"))).at(-1)).toBe("RUN_FINISHED");
  await engine.states.update(key, { change: merge({ k0: null }) });
  await engine.states.update(key, { change: merge({ k0: numbers(100) }) });
  expect((await engine.states.get(key)).state).toEqual(state);
});

test("a state that is too large already can be made smaller", async () => {
  const store = await openMemoryStore();
  const { engine } = await engineWith(echoAgent(), { store });
  await engine.createSession(key, {}, { a: numbers(500), b: numbers(500), c: 1 });
  await engine.close(0);
  const { engine: stricter } = await engineWith(echoAgent(), { store, limits: { eventMaxBytes: 2_000 } });
  await stricter.states.update(key, { change: merge({ a: null }) });
  await expect(stricter.states.update(key, { change: merge({ d: 1 }) })).rejects.toMatchObject({
    reason: "LIMIT_REACHED",
  });
  expect((await stricter.states.get(key)).state).toEqual({ b: numbers(500), c: 1 });
});

test("the patches of an agent cannot either: its run ends, before anybody sees more", async () => {
  const deltas = numbers(40).map((n): JsonPatchOperation[] => [
    { op: "add", path: `/k${n}`, value: numbers(100) },
  ]);
  const limits = { eventMaxBytes: 20_000 };
  const { engine } = await engineWith(patching(...deltas), { limits });
  const seen = await runToEnd(engine, input("r1"));
  expect(seen.at(-1)?.event).toMatchObject({
    code: "PROTOCOL_VIOLATION",
    message: expect.stringMatching(/^patch_result_unshowable: .* more than 20000 \(eventMaxBytes\)/),
  });
  const { state } = await engine.states.get(key);
  expect(state).toEqual(reduced(seen).state);
  expect(Object.keys(state as object).length).toBeGreaterThan(10);
});

test("what an agent copies counts as what it makes of the state", async () => {
  const copies: JsonPatchOperation[][] = numbers(8).map((n) => [{ op: "copy", from: "/0", path: `/c${n}` }]);
  const first: JsonPatchOperation[] = [{ op: "add", path: "/0", value: numbers(400) }];
  const { engine } = await engineWith(patching(first, ...copies), { limits: { eventMaxBytes: 20_000 } });
  const seen = await runToEnd(engine, input("r1"));
  expect(seen.at(-1)?.event).toMatchObject({ code: "PROTOCOL_VIOLATION" });
});

test("a change beyond the events that a run may have is refused, and does no harm to the run", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent, { limits: { runEventsMax: 4 } });
  const { attachment } = await engine.start(request(input("r1")), attach());
  await agent.started;
  await engine.states.update(key, { change: merge({ a: 1 }) });
  await expect(engine.states.update(key, { change: merge({ a: [2, 3] }) })).resolves.toBeDefined();
  await expect(engine.states.update(key, { change: merge({ a: 3 }) })).rejects.toMatchObject({
    reason: "LIMIT_REACHED",
    metadata: { limit: "runEventsMax", value: "4" },
  });
  expect((await engine.states.get(key)).state).toEqual({ a: [2, 3] });
  agent.release();
  await readAll(attachment);
});

test("the revision is that of the last change: a patch that does not apply, and a run that begins, are none", async () => {
  const nothing: JsonPatchOperation[] = [{ op: "remove", path: "/nothing" }];
  const again: JsonPatchOperation[] = [{ op: "replace", path: "/a", value: 1 }];
  const { engine, store } = await engineWith(patching(nothing, again));
  await engine.createSession(key, {}, { a: 1 });
  const before = await engine.states.get(key);
  expect(types(await runToEnd(engine, input("r1")))).toContain("STATE_SNAPSHOT");
  expect(await engine.states.get(key)).toEqual(before);
  await engine.close(0);
  const { engine: opened } = await engineWith(echoAgent(), { store });
  expect(await opened.states.get(key)).toEqual(before);
  const change = { change: merge({ a: 2 }), ifRevision: before.revision };
  expect(await opened.states.update(key, change)).toMatchObject({ changed: true });
});

test("while an agent works, the revision to change is the one that readers see", async () => {
  const agent = agentOf(async function* ({ threadId, runId }, { inputs }): AsyncGenerator<AgentOutput> {
    const told = inputs?.[Symbol.asyncIterator]();
    yield { type: "STATE_SNAPSHOT", snapshot: { a: 1 } };
    await told?.next();
    yield { type: "STATE_SNAPSHOT", snapshot: { a: 1 } };
    yield { type: "STATE_DELTA", delta: [{ op: "remove", path: "/nothing" }] };
    yield { type: "CUSTOM", name: "written", value: null };
    await told?.next();
    yield { type: "RUN_FINISHED", threadId, runId };
  });
  const { engine } = await engineWith(agent);
  const { attachment } = await engine.start(request(input("r1")), attach());
  await readUntil(attachment, "STATE_SNAPSHOT");
  const first = await engine.states.update(key, { change: merge({ b: 1 }) });
  await readUntil(attachment, "CUSTOM");
  expect(await engine.states.get(key)).toMatchObject({ state: { a: 1, b: 1 }, revision: first.revision });
  await engine.states.update(key, { change: merge({ b: 2 }), ifRevision: first.revision });
  expect((await readAll(attachment)).at(-1)?.event.type).toBe("RUN_FINISHED");
});

/** Reads until an event of a type was seen. */
async function readUntil(attachment: Attachment, type: AguiEvent["type"]): Promise<void> {
  for (let isSeen = false; !isSeen; ) {
    const result = await attachment.next();
    if (typeof result !== "object") throw new Error(`no ${type} came`);
    const { frames } = result.batch;
    readFrames(frames, ({ start, end }) => {
      isSeen ||= decodeEvent(frames, start, end).type === type;
    });
  }
}

test("a session that was only changed by clients opens from a checkpoint", async () => {
  const store = await openMemoryStore();
  const { engine } = await engineWith(echoAgent(), { store });
  await engine.createSession(key, {}, { n: 0 });
  for (let n = 1; n <= 800; n++) await engine.states.update(key, { change: merge({ n }) });
  const { state, revision, logId } = await engine.states.get(key);
  await engine.close(0);
  const read = countingReads(store);
  const { engine: again } = await engineWith(echoAgent(), { store: read.store });
  expect(await again.states.get(key)).toEqual({ state, revision, logId });
  expect(read.count()).toBeLessThan(1_000);
  expect(read.count()).toBeGreaterThan(0);
});

/** Counts the events that are read. */
function countingReads(store: Store): { readonly store: Store; count(): number } {
  let count = 0;
  const read: Store["log"]["read"] = async (...options) => {
    const page = await store.log.read(...options);
    for (const { bytes } of page.chunks)
      readFrames(bytes, ({ start, end }) => {
        decodeEvent(bytes, start, end);
        count++;
      });
    return page;
  };
  const log = new Proxy(store.log, {
    get: (target, name) => (name === "read" ? read : Reflect.get(target, name)),
  });
  const counting = new Proxy(store, {
    get: (target, name) => (name === "log" ? log : Reflect.get(target, name)),
  });
  return { store: counting, count: () => count };
}

test("keys of retries are looked through now and then, not with every change", async () => {
  const memory = await openMemoryStore();
  let lists = 0;
  const catalog = new Proxy(memory.catalog, {
    get: (target, name) => {
      if (name === "list") {
        return (query: Parameters<typeof target.list>[0]) => {
          if (query.kind === "request") lists++;
          return target.list(query);
        };
      }
      return Reflect.get(target, name);
    },
  });
  const store = new Proxy(memory, {
    get: (target, name) => (name === "catalog" ? catalog : Reflect.get(target, name)),
  });
  let time = 0;
  const { engine } = await engineWith(echoAgent(), { store, now: () => time++ });
  await engine.createSession(key, {}, {});
  for (let n = 0; n < 256; n++) await engine.states.update(key, { change: merge({ n }), requestId: `q${n}` });
  expect(lists).toBe(2);
});
