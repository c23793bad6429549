import { openMemoryStore, type Store, withFaults } from "@dragoman/event-log";
import { expect, test } from "vitest";
import type { Batches } from "./batches.ts";
import type { ItemInfo } from "./entries.ts";
import { countingAgent, item, newBatch, openServer, readToEnd } from "./testing/harness.ts";

/**
 * A store whose process dies with one of its writes: from then on nothing is answered. The write itself may be
 * done before, or not.
 */
function dyingStore(
  store: Store,
  deadlyWrite: number,
  isWritten: boolean,
  onWrite?: (count: number) => void,
) {
  let writes = 0;
  let die = () => {};
  const died = new Promise<void>((resolve) => {
    die = resolve;
  });
  const never = new Promise<never>(() => {});
  const read = <T>(call: () => Promise<T>): Promise<T> => (writes >= deadlyWrite ? never : call());
  const write = <T>(call: () => Promise<T>): Promise<T> => {
    if (writes >= deadlyWrite) return never;
    writes++;
    onWrite?.(writes);
    if (writes < deadlyWrite) return call();
    const last = isWritten ? call() : Promise.resolve();
    return last.then(() => {
      die();
      return never;
    });
  };
  const { log, catalog } = store;
  const dying: Store = {
    ...store,
    log: {
      acquire: (key, options) => write(() => log.acquire(key, options)),
      append: (key, batch) => write(() => log.append(key, batch)),
      read: (key, options) => read(() => log.read(key, options)),
      readRecords: (key, options) => read(() => log.readRecords(key, options)),
      head: (key) => read(() => log.head(key)),
      trim: (key, firstSequence) => write(() => log.trim(key, firstSequence)),
      remove: (key, epoch) => write(() => log.remove(key, epoch)),
    },
    catalog: {
      get: (key) => read(() => catalog.get(key)),
      list: (query) => read(() => catalog.list(query)),
      count: (query) => read(() => catalog.count(query)),
      put: (changes) => write(() => catalog.put(changes)),
    },
  };
  return { store: dying, died, writes: () => writes };
}

/** The first and the last share a session. */
const items = [item("0", "shared"), item("1"), item("2", "shared")];
const threeItems = newBatch(items);

async function countWrites(): Promise<number> {
  const { store, writes } = dyingStore(await openMemoryStore(), Number.POSITIVE_INFINITY, true);
  const { batches } = await openServer(store, countingAgent());
  await batches.make(threeItems);
  await readToEnd(batches);
  return writes();
}

test.each([true, false])(
  "a crash in any write (written: %s): all items succeed, ended ones run once",
  async (isWritten) => {
    const count = await countWrites();
    expect(count).toBeGreaterThan(10);
    for (let deadly = 1; deadly <= count; deadly++) {
      const memory = await openMemoryStore();
      const first = countingAgent();
      const dying = dyingStore(memory, deadly, isWritten);
      const before = await openServer(dying.store, first);
      let answered = false;
      const made = before.batches.make(threeItems).then(async () => {
        answered = true;
        await readToEnd(before.batches);
      });
      await Promise.race([dying.died, made]);
      const seen = await memory.catalog.list({ kind: "run", states: ["succeeded"], limit: 100 });
      const second = countingAgent();
      const { batches, errors } = await openServer(memory, second);
      const known = await batches.list({ namespace: "default", pageSize: 0, pageToken: "" });
      if (answered) expect(known.items.length, "what was answered is there").toBe(1);
      if (!isWritten && deadly === 1) expect(known.items, "all of it or nothing").toEqual([]);
      await batches.make(threeItems);
      const ended = await readToEnd(batches);
      expect(ended.map(({ state, content }) => [state, content])).toEqual(
        items.map((_, index) => ["succeeded", String(index)]),
      );
      const runs = await memory.catalog.list({ kind: "run", states: ["succeeded"], limit: 100 });
      expect(runs.length, "each item succeeded in one run").toBe(items.length);
      for (const { parent, id } of seen) {
        const run = ended.find((one) => one.threadId === parent && one.run?.runId === id);
        expect(run?.run?.runId, "a run that ended is the run of its item").toBe(id);
        expect(second.begun, "and is not run again").not.toContain(String(run?.index));
      }
      expect(errors).toEqual([]);
    }
  },
);

test("a store that fails at random delays a batch and changes nothing of it", async () => {
  const memory = await openMemoryStore();
  const store = withFaults(memory, {
    seed: 7,
    failBefore: 0.05,
    failAfter: 0.05,
    failRead: 0.05,
    full: 0.02,
  });
  store.enable(false);
  const agent = countingAgent();
  const { batches } = await openServer(store, agent, { limits: { itemStartTimeoutMs: 200 } });
  const many = Array.from({ length: 12 }, (_, index) => item(String(index)));
  await batches.make(newBatch(many));
  store.enable(true);
  const ended = await readWithFaults(batches);
  store.enable(false);
  expect(store.counts.failBefore + store.counts.failAfter + store.counts.failRead).toBeGreaterThan(5);
  expect(ended.length).toBe(many.length);
  for (const { state, index, content, errorCode } of ended) {
    // What the store lost of a run is the end of that run; nothing else may come of it.
    if (state !== "succeeded")
      expect(["STORAGE_FAILED", "STORAGE_UNAVAILABLE", "FENCED", "EVENT_NOT_STORABLE"]).toContain(errorCode);
    else expect(content).toBe(String(index));
  }
  expect(new Set(agent.begun).size, "no item ran twice").toBe(agent.begun.length);

  async function readWithFaults(of: Batches): Promise<ItemInfo[]> {
    for (;;) {
      try {
        return await readToEnd(of);
      } catch (error) {
        expect(error).toMatchObject({ reason: "STORAGE_UNAVAILABLE" });
      }
    }
  }
});

test("cancelled in any write, and killed in any later one: everything ends, and nothing that ended changes", async () => {
  const count = await countWrites();
  for (let at = 2; at <= count; at++) {
    for (const killedAfter of [0, 1, 2, Number.POSITIVE_INFINITY]) {
      const memory = await openMemoryStore();
      const onWrite = (writes: number) => {
        if (writes === at) void before.batches.cancel("default", "b").catch(() => {});
      };
      const dying = dyingStore(memory, at + killedAfter, true, onWrite);
      const before = await openServer(dying.store, countingAgent());
      const ran = before.batches.make(threeItems).then(() => readToEnd(before.batches));
      await Promise.race([dying.died, ran]);
      const known = await memory.catalog.list({ kind: "batch-item", states: ["succeeded"], limit: 100 });
      const { batches, errors } = await openServer(memory, countingAgent());
      const ended = await readToEnd(batches);
      const { batch } = await batches.get("default", "b", 0, "");
      expect(["completed", "canceled"]).toContain(batch.state);
      expect(ended.length).toBe(3);
      const states = ended.map(({ state }) => state);
      expect(["succeeded", "canceled"]).toEqual(expect.arrayContaining([...new Set(states)]));
      if (batch.state === "completed") expect(states).toEqual(["succeeded", "succeeded", "succeeded"]);
      for (const { id } of known) expect(ended[Number(id)]?.state, "what had ended stays").toBe("succeeded");
      const open = await memory.catalog.list({ kind: "run", states: ["running", "queued"], limit: 100 });
      expect(open, "no run is left behind").toEqual([]);
      expect(errors).toEqual([]);
    }
  }
});
