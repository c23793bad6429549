import { describe, expect, test } from "vitest";
import { batch, chunk, createLog, entry, logKey } from "./conformance/fixtures.ts";
import { storeConformance } from "./conformance/index.ts";
import { StoreFullError } from "./errors.ts";
import { openMemoryStore } from "./memory-store.ts";

describe("the in-memory store conforms", () => {
  // It keeps nothing, so there is nothing to open again.
  for (const { category, name, run } of storeConformance.filter((each) => each.category !== "reopen")) {
    test(`${category}: ${name}`, () => run({ open: () => openMemoryStore() }));
  }
});

describe("the in-memory store", () => {
  const key = logKey("a");
  const kilobyte = new Uint8Array(1000);

  test("is full at maxBytes, refuses writes whole, reads on, and has room again after a trim", async () => {
    const store = await openMemoryStore({ maxBytes: 10_000 });
    let head = await createLog(store, key);
    const append = () => {
      const next = head.headSequence + 1;
      const catalog = [{ put: entry("e", { label: String(next) }) }];
      return store.log.append(
        key,
        batch(head.epoch, { chunks: [{ ...chunk(next), bytes: kilobyte }], catalog }),
      );
    };
    await expect(async () => {
      for (;;) head = await append();
    }).rejects.toThrow(StoreFullError);
    expect(head.headSequence).toBe(8);
    expect(await store.log.head(key)).toEqual(head);
    expect((await store.catalog.get(entry("e")))?.label).toBe("8");
    await expect(store.catalog.put([{ put: entry("f", { value: kilobyte }) }])).rejects.toThrow(
      StoreFullError,
    );
    await store.catalog.put([{ remove: entry("e") }]);
    head = await store.log.trim(key, 8);
    for (let i = 0; i < 7; i++) head = await append();
    expect(head.headSequence).toBe(15);
  });

  test("does not fill up by replacing entries", async () => {
    const store = await openMemoryStore({ maxBytes: 10_000 });
    for (let i = 0; i < 100; i++) await store.catalog.put([{ put: entry("e", { value: kilobyte }) }]);
    for (let i = 0; i < 100; i++)
      await store.catalog.put([{ put: entry(`e${i}`) }, { remove: entry(`e${i}`) }]);
    expect(await store.catalog.list({ kind: "thing", limit: 10 })).toHaveLength(1);
  });

  test("takes the identity of logs from its options", async () => {
    let made = 0;
    const store = await openMemoryStore({ createLogId: () => `log-${++made}` });
    expect((await store.log.acquire(key)).logId).toBe("log-1");
    expect((await store.log.acquire(logKey("b"))).logId).toBe("log-2");
    expect((await store.log.acquire(key)).logId).toBe("log-1");
  });
});
