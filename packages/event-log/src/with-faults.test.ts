import { describe, expect, test } from "vitest";
import { batch, chunk, createLog, entry, logKey } from "./conformance/fixtures.ts";
import { storeConformance } from "./conformance/index.ts";
import { StoreFailedError, StoreFullError } from "./errors.ts";
import type { Store } from "./event-log.ts";
import { openMemoryStore } from "./memory-store.ts";
import { type FaultOptions, type FaultyStore, withFaults } from "./with-faults.ts";

const key = logKey("a");

async function open(options: FaultOptions): Promise<{ store: Store; faulty: FaultyStore }> {
  const store = await openMemoryStore();
  await createLog(store, key);
  return { store, faulty: withFaults(store, options) };
}

/** What became of a number of acquires. */
async function outcomes(store: Store, count: number): Promise<string[]> {
  const settled = await Promise.allSettled(Array.from({ length: count }, () => store.log.acquire(key)));
  return settled.map((each) => (each.status === "fulfilled" ? "done" : String(each.reason)));
}

describe("without faults, and with delays only, a store conforms", () => {
  const cases = storeConformance.filter(({ category }) => category !== "reopen" && category !== "close");
  for (const { category, name, run } of cases) {
    test(`${category}: ${name}`, () =>
      run({
        open: async () => withFaults(await openMemoryStore(), { seed: 1, delay: 0.01, maxDelayMs: 1 }),
      }));
  }
});

describe("faults", () => {
  test("before a write leave nothing of it", async () => {
    const { store, faulty } = await open({ seed: 1, failBefore: 1 });
    await expect(faulty.log.append(key, batch(1, { chunks: [chunk(1)] }))).rejects.toThrow(StoreFailedError);
    await expect(faulty.catalog.put([{ put: entry("e") }])).rejects.toThrow(StoreFailedError);
    await expect(faulty.log.trim(key, 1)).rejects.toThrow(StoreFailedError);
    expect((await store.log.head(key))?.headSequence).toBe(0);
    expect(await store.catalog.get(entry("e"))).toBeUndefined();
  });

  test("after a write leave all of it", async () => {
    const { store, faulty } = await open({ seed: 1, failAfter: 1 });
    await expect(faulty.log.append(key, batch(1, { chunks: [chunk(1)] }))).rejects.toThrow(StoreFailedError);
    expect((await store.log.head(key))?.headSequence).toBe(1);
  });

  test("of a full store are that, and writes only", async () => {
    const { faulty } = await open({ seed: 1, full: 1 });
    await expect(faulty.log.append(key, batch(1))).rejects.toThrow(StoreFullError);
    expect((await faulty.log.head(key))?.headSequence).toBe(0);
  });

  test("of reads spare writes", async () => {
    const { faulty } = await open({ seed: 1, failRead: 1 });
    await faulty.log.append(key, batch(1, { chunks: [chunk(1)] }));
    await expect(faulty.log.read(key, { after: 0 })).rejects.toThrow(StoreFailedError);
    await expect(faulty.log.readRecords(key, { after: 0 })).rejects.toThrow(StoreFailedError);
    await expect(faulty.log.head(key)).rejects.toThrow(StoreFailedError);
    await expect(faulty.catalog.get(entry("e"))).rejects.toThrow(StoreFailedError);
    await expect(faulty.catalog.list({ kind: "thing", limit: 1 })).rejects.toThrow(StoreFailedError);
  });

  test("come as often as they should, are counted, and are the same for the same seed", async () => {
    const options = { full: 0.1, failBefore: 0.1, failAfter: 0.1, delay: 0.1, maxDelayMs: 1 };
    const [first, again, other] = await Promise.all([7, 7, 8].map((seed) => open({ ...options, seed })));
    const seen = await outcomes(first!.faulty, 1000);
    expect(await outcomes(again!.faulty, 1000)).toEqual(seen);
    expect(await outcomes(other!.faulty, 1000)).not.toEqual(seen);
    for (const kind of ["full", "failBefore", "failAfter", "delay"] as const) {
      expect(first!.faulty.counts[kind]).toBeGreaterThan(60);
      expect(first!.faulty.counts[kind]).toBeLessThan(140);
    }
    expect(seen.filter((outcome) => outcome.includes("no room"))).toHaveLength(first!.faulty.counts.full);
  });

  test("stop when they are switched off", async () => {
    const { faulty } = await open({ seed: 1, full: 1, failRead: 1 });
    faulty.enable(false);
    expect(await outcomes(faulty, 10)).toEqual(new Array(10).fill("done"));
    faulty.enable(true);
    await expect(faulty.log.acquire(key)).rejects.toThrow(StoreFullError);
    expect(faulty.counts.full).toBe(1);
  });
});
