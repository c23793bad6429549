import { openMemoryStore, type Store } from "@dragoman/event-log";
import { expect, test } from "vitest";
import { type RunInfo, readEntry } from "./entries.ts";
import { attach, echoAgent, engineWith, input, key, readAll, request, types } from "./testing/harness.ts";

/** A store in which the append that ends a run waits until it is released. */
async function holdingStore() {
  const inner = await openMemoryStore();
  let release = () => {};
  let mark = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const isHeld = new Promise<void>((resolve) => {
    mark = resolve;
  });
  const log: Store["log"] = {
    acquire: (...given) => inner.log.acquire(...given),
    read: (...given) => inner.log.read(...given),
    readRecords: (...given) => inner.log.readRecords(...given),
    head: (...given) => inner.log.head(...given),
    trim: (...given) => inner.log.trim(...given),
    remove: (...given) => inner.log.remove(...given),
    async append(logKey, batch) {
      const ends = batch.catalog.some((change) => "put" in change && change.put.state === "succeeded");
      if (ends) {
        mark();
        await released;
      }
      return inner.log.append(logKey, batch);
    },
  };
  return { store: { ...inner, log, catalog: inner.catalog, close: () => inner.close() }, release, isHeld };
}

test("a cancel that comes while the end of a run is written leaves it as it ended", async () => {
  const { store, release, isHeld } = await holdingStore();
  const { engine } = await engineWith(echoAgent(), { store });
  const { attachment } = await engine.start(request(input("r1")), attach());
  await isHeld;
  const cancelling = engine.cancelRun(key, "r1");
  // Until the cancel has decided what to write.
  await new Promise((resolve) => setImmediate(resolve));
  release();
  await cancelling;
  const seen = types(await readAll(attachment));
  expect(seen.at(-1)).toBe("RUN_FINISHED");
  const stored = await store.catalog.get({ namespace: "default", kind: "run", parent: "t", id: "r1" });
  expect(stored && readEntry<RunInfo>(stored)).toMatchObject({ state: "succeeded" });
  const { engine: next } = await engineWith(echoAgent(), { store });
  expect(types(await readAll(await next.observeRun(key, "r1", attach())))).toEqual(seen);
  expect((await next.getRun(key, "r1")).state).toBe("succeeded");
});
