import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openMemoryStore, StoreFullError } from "@dragoman/event-log";
import { openSqliteStore } from "@dragoman/store-sqlite";
import { expect, test } from "vitest";
import type { Engine } from "./engine.ts";
import { agentOf, attach, engineWith, input, readAll, request, runToEnd, types } from "./testing/harness.ts";

const piece = "x".repeat(1_000);

/** Says `count` long words, where `threadId` is its count. */
const talker = agentOf(async function* ({ threadId, runId, forwardedProps }) {
  const { count } = forwardedProps as { count: number };
  yield { type: "TEXT_MESSAGE_START", messageId: runId };
  for (let index = 0; index < count; index++)
    yield { type: "TEXT_MESSAGE_CONTENT", messageId: runId, delta: piece };
  yield { type: "TEXT_MESSAGE_END", messageId: runId };
  yield { type: "RUN_FINISHED", threadId, runId };
});

const talk = (threadId: string, runId: string, count: number) => {
  return { ...input(runId), threadId, forwardedProps: { count } };
};

test("a full store loses nothing that was shown, says so, and goes on once there is room", {
  timeout: 60_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "dragoman-full-"));
  const store = await openSqliteStore({ folder, maxBytes: 6 * 1024 * 1024 });
  try {
    const { engine } = await engineWith(talker, { store });
    await runToEnd(engine, talk("old", "r1", 2_000));
    await runToEnd(engine, talk("old", "r2", 1));
    const seen = await runToEnd(engine, talk("new", "r1", 20_000));
    expect(types(seen).slice(-2)).toEqual(["TEXT_MESSAGE_END", "RUN_ERROR"]);
    expect(seen.at(-1)?.event).toMatchObject({ code: "STORAGE_FAILED" });
    expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, index) => index + 1));
    const key = { namespace: "default", id: "new" };
    expect(await readAll(await engine.observeSession(key, attach(), false))).toEqual(seen);

    const full = fillUp(engine);
    await expect(full).rejects.toMatchObject({ reason: "STORAGE_FULL" });
    await store.log.trim({ namespace: "default", id: "old" }, 2_005); // all of its first run
    expect(types(await runToEnd(engine, talk("new", "r2", 1))).at(-1)).toBe("RUN_FINISHED");
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
});

/** Starts small runs until the store has no room even for a beginning. */
async function fillUp(engine: Engine): Promise<void> {
  for (let index = 0; index < 10_000; index++) {
    const { attachment } = await engine.start(
      request(talk(`fill-${index}`, "r", 1)),
      attach({ idleMs: 300 }),
    );
    while (typeof (await attachment.next()) !== "string") {}
    attachment.close();
  }
}

test("a store that is full when a session is to be made says so, and makes it when there is room", async () => {
  const store = await openMemoryStore();
  let isFull = true;
  const acquire: typeof store.log.acquire = (logKey, options) => {
    return isFull ? Promise.reject(new StoreFullError("no room")) : store.log.acquire(logKey, options);
  };
  const log = Object.assign(Object.create(store.log) as typeof store.log, { acquire });
  const { engine } = await engineWith(talker, { store: { ...store, log, catalog: store.catalog } });
  const key = { namespace: "default", id: "new" };
  await expect(engine.createSession(key)).rejects.toMatchObject({ reason: "STORAGE_FULL" });
  await expect(runToEnd(engine, talk("new", "r1", 1))).rejects.toMatchObject({ reason: "STORAGE_FULL" });
  await expect(engine.states.get(key)).rejects.toMatchObject({ reason: "SESSION_NOT_FOUND" });
  isFull = false;
  expect(types(await runToEnd(engine, talk("new", "r1", 1))).at(-1)).toBe("RUN_FINISHED");
});
