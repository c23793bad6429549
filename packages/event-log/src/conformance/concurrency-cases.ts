import assert from "node:assert/strict";
import { FencedError } from "../errors.ts";
import type { Store } from "../event-log.ts";
import {
  assertChunks,
  batch,
  bytesOf,
  chunk,
  chunks,
  createLog,
  entry,
  logKey,
  readAll,
  rejection,
} from "./fixtures.ts";
import { type StoreCase, storeCase } from "./store-case.ts";

export const concurrencyCases: readonly StoreCase[] = [
  storeCase("concurrency", "appends of one log apply in the order of the calls", async (store) => {
    const key = logKey("a");
    const { epoch } = await createLog(store, key);
    const heads = await Promise.all(
      chunks(1, 200).map((each) => store.log.append(key, batch(epoch, { chunks: [each] }))),
    );
    assert.deepEqual(
      heads.map(({ headSequence }) => headSequence),
      chunks(1, 200).map((each) => each.lastSequence),
    );
    assertChunks(await readAll(store, key), chunks(1, 200));
  }),
  storeCase("concurrency", "an append that is refused takes no other one down", async (store) => {
    const keys = Array.from({ length: 20 }, (_, i) => logKey(`log ${i}`));
    const heads = await Promise.all(keys.map((key) => createLog(store, key)));
    const outcomes = await Promise.allSettled(
      keys.map((key, i) => {
        const epoch = heads[i]!.epoch + (i % 3 === 1 ? 1 : 0);
        const first = i % 3 === 2 ? 7 : 1;
        const catalog = [{ put: entry(key.id) }];
        return store.log.append(
          key,
          batch(epoch, { chunks: [chunk(first)], records: [bytesOf(key.id)], catalog }),
        );
      }),
    );
    for (const [i, { status }] of outcomes.entries()) {
      const fine = i % 3 === 0;
      assert.equal(status, fine ? "fulfilled" : "rejected");
      assertChunks(await readAll(store, keys[i]!), fine ? [chunk(1)] : []);
      const { records } = await store.log.readRecords(keys[i]!, { after: 0 });
      assert.deepEqual(
        records.map(({ bytes }) => [...bytes]),
        fine ? [[...bytesOf(keys[i]!.id)]] : [],
      );
      assert.equal((await store.catalog.get(entry(keys[i]!.id))) !== undefined, fine);
    }
  }),
  storeCase(
    "concurrency",
    "of writers that take a log over from each other, only the last can write",
    async (store) => {
      const key = logKey("a");
      await createLog(store, key);
      const heads = await Promise.all(Array.from({ length: 10 }, () => store.log.acquire(key)));
      const epochs = heads.map(({ epoch }) => epoch);
      assert.deepEqual(
        epochs,
        [...new Set(epochs)].sort((a, b) => a - b),
        "every acquire must grow the epoch",
      );
      const appends = epochs.map((epoch) => store.log.append(key, batch(epoch, { chunks: [chunk(1)] })));
      const fenced = appends.slice(0, -1).map((append) => rejection(append, FencedError));
      await Promise.all([...fenced, appends.at(-1)]);
    },
  ),
  storeCase("concurrency", "a zombie and its successor write no log together", async (store) => {
    const key = logKey("a");
    const wrote: number[] = [];
    const write = async (name: number) => {
      let { epoch, headSequence } = await store.log.acquire(key);
      for (let i = 0; i < 30; i++) {
        try {
          const next = { ...chunk(headSequence + 1), bytes: new Uint8Array([name]) };
          ({ headSequence } = await store.log.append(key, batch(epoch, { chunks: [next] })));
          wrote[headSequence] = name;
        } catch (error) {
          assert.ok(error instanceof FencedError);
          ({ epoch, headSequence } = await store.log.acquire(key));
        }
      }
    };
    await Promise.all([write(1), write(2), write(3)]);
    const found = await readAll(store, key);
    assert.deepEqual(
      found.map(({ bytes }) => bytes[0]),
      wrote.slice(1),
    );
  }),
  storeCase("concurrency", "readers see a prefix of every log that only grows", async (store) => {
    const keys = Array.from({ length: 8 }, (_, i) => logKey(`log ${i}`));
    const count = 40;
    const heads = await Promise.all(keys.map((key) => createLog(store, key)));
    const write = async (i: number) => {
      for (let first = 1; first <= count; first += 2) {
        const catalog = [{ put: entry(keys[i]!.id, { order: i, label: String(first + 1) }) }];
        await store.log.append(
          keys[i]!,
          batch(heads[i]!.epoch, { chunks: [chunk(first, first + 1)], catalog }),
        );
      }
    };
    await Promise.all([...keys.map((_, i) => write(i)), ...keys.map((key) => watch(store, key.id, count))]);
  }),
];

/** Follows a log by both ports: neither may go back, and the catalog is as far as the events at least. */
async function watch(store: Store, id: string, count: number): Promise<void> {
  for (let after = 0; after < count; ) {
    const page = await store.log.read(logKey(id), { after, waitMs: 60_000 });
    for (const { firstSequence, lastSequence } of page.chunks) {
      assert.equal(firstSequence, after + 1);
      after = lastSequence;
    }
    const listed = await store.catalog.get(entry(id));
    assert.ok(Number(listed?.label) >= after);
  }
}
