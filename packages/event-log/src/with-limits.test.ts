import { describe, expect, test } from "vitest";
import { assertChunks, batch, bytesOf, chunk, createLog, entry, logKey } from "./conformance/fixtures.ts";
import { LimitError } from "./errors.ts";
import type { Store } from "./event-log.ts";
import { openMemoryStore } from "./memory-store.ts";
import { completeStoreLimits, type StoreLimits } from "./store-limits.ts";
import { withLimits } from "./with-limits.ts";

const key = logKey("a");

/** Expects the limit of a name to be what refuses a call, and returns nothing else. */
async function expectLimit(
  call: Promise<unknown>,
  limit: string,
  max: number,
  actual: number,
): Promise<void> {
  await expect(call).rejects.toThrow(LimitError);
  await expect(call).rejects.toMatchObject({ limit, max, actual });
}

async function open(limits: Partial<StoreLimits>): Promise<Store> {
  const store = await openMemoryStore(limits);
  await createLog(store, key, [chunk(1)]);
  return store;
}

describe("each limit refuses what is over it, and only that", () => {
  const appends = [
    {
      limit: "maxChunkBytes",
      parts: (n: number) => ({ chunks: [{ ...chunk(2), bytes: new Uint8Array(n) }] }),
    },
    { limit: "maxRecordBytes", parts: (n: number) => ({ records: [new Uint8Array(n)] }) },
    {
      limit: "maxEntryBytes",
      parts: (n: number) => ({ catalog: [{ put: entry("e", { value: new Uint8Array(n) }) }] }),
    },
    {
      limit: "maxAppendBytes",
      parts: (n: number) => ({ records: [new Uint8Array(n - 10), new Uint8Array(10)] }),
    },
  ];
  test.each(appends)("$limit", async ({ limit, parts }) => {
    const { log } = await open({ [limit]: 100 });
    await expectLimit(log.append(key, batch(1, parts(101))), limit, 100, 101);
    await log.append(key, batch(1, parts(100)));
  });

  test.each(["namespace", "kind", "parent", "id", "label", "state"])(
    "maxEntryTextBytes, of the %s",
    async (field) => {
      const { catalog } = await open({ maxEntryTextBytes: 10 });
      await expectLimit(
        catalog.put([{ put: entry("e", { [field]: "é".repeat(6) }) }]),
        "maxEntryTextBytes",
        10,
        12,
      );
      await catalog.put([{ put: entry("e", { [field]: "é".repeat(5) }) }]);
    },
  );

  test("maxKeyBytes, everywhere a key is given", async () => {
    const { log } = await open({ maxKeyBytes: 7 });
    const long = logKey("12345678");
    const calls = [
      log.acquire(long),
      log.append(long, batch(1)),
      log.read(long, { after: 0 }),
      log.readRecords(long, { after: 0 }),
      log.head(long),
      log.trim(long, 1),
      log.remove(long, 1),
    ];
    for (const call of calls) await expectLimit(call, "maxKeyBytes", 7, 8);
    await log.acquire(logKey("1234567"));
  });

  test("maxListLength", async () => {
    const { catalog } = await open({ maxListLength: 5 });
    await expectLimit(catalog.list({ kind: "thing", limit: 6 }), "maxListLength", 5, 6);
    await catalog.list({ kind: "thing", limit: 5 });
  });

  test("maxQueuedWrites, until one is done", async () => {
    const { log, catalog } = await open({ maxQueuedWrites: 3 });
    const writes = [log.acquire(logKey("b")), log.append(key, batch(1)), catalog.put([])];
    await expectLimit(log.trim(key, 1), "maxQueuedWrites", 3, 4);
    await Promise.all(writes);
    await log.trim(key, 1);
  });

  test("maxReads, waiting ones too, until one is done", async () => {
    const { log, catalog } = await open({ maxReads: 2 });
    const controller = new AbortController();
    const waiting = log.read(key, { after: 1, waitMs: 60_000, signal: controller.signal });
    const other = log.read(key, { after: 1, waitMs: 60_000 });
    await expectLimit(catalog.get(entry("e")), "maxReads", 2, 3);
    controller.abort(new Error("done"));
    await expect(waiting).rejects.toThrow("done");
    await catalog.get(entry("e"));
    await log.append(key, batch(1, { chunks: [chunk(2)] }));
    assertChunks((await other).chunks, [chunk(2)]);
  });
});

describe("limits that cut what is asked for", () => {
  test("maxWaitMs ends a wait early, with an empty page", async () => {
    const { log } = await open({ maxWaitMs: 1 });
    expect((await log.read(key, { after: 1, waitMs: 2 ** 40 })).chunks).toEqual([]);
  });

  test("maxPageBytes makes pages smaller", async () => {
    const { log } = await open({ maxPageBytes: 20 });
    const chunks = [2, 3, 4].map((sequence) => ({ ...chunk(sequence), bytes: bytesOf("0123456789") }));
    await log.append(key, batch(1, { chunks, records: chunks.map(({ bytes }) => bytes) }));
    expect((await log.read(key, { after: 1, maxBytes: 1_000_000 })).chunks).toHaveLength(2);
    expect((await log.readRecords(key, { after: 0, maxBytes: 1_000_000 })).records).toHaveLength(2);
  });
});

describe("completing limits", () => {
  test("fills in defaults and takes no other options", () => {
    const other = { maxKeyBytes: 9, folder: "x" };
    const complete = completeStoreLimits(other);
    expect(complete.maxKeyBytes).toBe(9);
    expect(complete.maxChunkBytes).toBe(16 * 1024 * 1024);
    expect(complete).not.toHaveProperty("folder");
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("refuses %d", async (maxChunkBytes) => {
    expect(() => completeStoreLimits({ maxChunkBytes })).toThrow(RangeError);
    await expect(openMemoryStore({ maxChunkBytes })).rejects.toThrow(
      "maxChunkBytes must be a positive integer",
    );
  });
});

describe("a wrapped store", () => {
  test("closes the store inside and has its durability", async () => {
    const inner = await openMemoryStore();
    const outer = withLimits(inner);
    expect(outer.durability).toBe("memory");
    await outer.close();
    await expect(inner.log.head(key)).rejects.toThrow("closed");
  });
});
