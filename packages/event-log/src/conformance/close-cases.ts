import assert from "node:assert/strict";
import { FencedError, StoreClosedError } from "../errors.ts";
import type { Store } from "../event-log.ts";
import {
  assertChunks,
  assertEntries,
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

const key = logKey("a");

/** Every way to use a store. */
function everyCall({ log, catalog }: Store): Promise<unknown>[] {
  return [
    log.acquire(key),
    log.append(key, batch(1)),
    log.read(key, { after: 0 }),
    log.read(key, { after: 0, waitMs: 60_000 }),
    log.readRecords(key, { after: 0 }),
    log.head(key),
    log.trim(key, 1),
    catalog.get(entry("e")),
    catalog.list({ kind: "thing", limit: 1 }),
    catalog.put([{ put: entry("e") }]),
  ];
}

export const closeCases: readonly StoreCase[] = [
  storeCase("close", "a closed store refuses every call", async (store) => {
    await createLog(store, key, [chunk(1)]);
    await store.close();
    for (const call of everyCall(store)) await rejection(call, StoreClosedError);
  }),
  storeCase("close", "a closing store refuses every call already", async (store) => {
    await createLog(store, key, [chunk(1)]);
    const closing = store.close();
    for (const call of everyCall(store)) await rejection(call, StoreClosedError);
    await closing;
  }),
  storeCase("close", "closing twice is no error", async (store) => {
    await Promise.all([store.close(), store.close()]);
    await store.close();
  }),
  storeCase("close", "closing ends reads that wait", async (store) => {
    await createLog(store, key);
    const waiting = [1, 2, 3].map((after) => store.log.read(key, { after, waitMs: 60_000 }));
    const ended = waiting.map((read) => rejection(read, StoreClosedError));
    await store.log.read(key, { after: 0 });
    await store.close();
    await Promise.all(ended);
  }),
  storeCase("close", "closing ends a read that just began to wait", async (store) => {
    await createLog(store, key);
    const ended = rejection(store.log.read(key, { after: 0, waitMs: 60_000 }), StoreClosedError);
    await store.close();
    await ended;
  }),
  storeCase("close", "closing waits for the appends that were called before", async (store) => {
    const { epoch } = await createLog(store, key);
    const appends = [];
    for (const each of chunks(1, 50)) {
      appends.push(store.log.append(key, batch(epoch, { chunks: [each] })));
      // Some are on their way and some still wait when the store is closed.
      for (let i = 0; i < 10; i++) await Promise.resolve();
    }
    await store.close();
    const heads = await Promise.all(appends);
    assert.deepEqual(
      heads.map(({ headSequence }) => headSequence),
      chunks(1, 50).map((each) => each.lastSequence),
    );
  }),
];

/** A case that fills a store, closes it, and looks at it after it was opened again. */
function reopenCase<T>(
  name: string,
  fill: (store: Store) => Promise<T>,
  check: (store: Store, filled: T) => Promise<void>,
): StoreCase {
  return {
    category: "reopen",
    name,
    async run(context) {
      const first = await context.open();
      const filled = await fill(first).finally(() => first.close());
      const second = await context.open();
      await check(second, filled).finally(() => second.close());
    },
  };
}

export const reopenCases: readonly StoreCase[] = [
  reopenCase(
    "a store that was opened again has everything",
    async (store) => {
      const { epoch } = await createLog(store, key, [chunk(1, 4), chunk(5, 6)]);
      await store.log.trim(key, 5);
      const records = [bytesOf("r1"), bytesOf("r2")];
      await createLog(store, logKey("b"));
      return store.log.append(
        key,
        batch(epoch, { chunks: [chunk(7)], records, catalog: [{ put: entry("e") }] }),
      );
    },
    async (store, head) => {
      assert.deepEqual(await store.log.head(key), head);
      assertChunks(await readAll(store, key, { after: 4 }), [chunk(5, 6), chunk(7)]);
      const { records } = await store.log.readRecords(key, { after: 0 });
      assert.deepEqual(
        records.map(({ number, bytes }) => [number, ...bytes]),
        [
          [1, ...bytesOf("r1")],
          [2, ...bytesOf("r2")],
        ],
      );
      assertEntries(await store.catalog.list({ kind: "thing", limit: 10 }), [entry("e")]);
      assert.equal((await store.log.head(logKey("b")))?.headSequence, 0);
    },
  ),
  reopenCase(
    "a writer of an earlier opening is fenced by the next one",
    (store) => createLog(store, key, [chunk(1)]),
    async (store, { epoch }) => {
      const head = await store.log.acquire(key);
      assert.ok(head.epoch > epoch);
      await rejection(store.log.append(key, batch(epoch, { chunks: [chunk(2)] })), FencedError);
      await store.log.append(key, batch(head.epoch, { chunks: [chunk(2)] }));
      assertChunks(await readAll(store, key), chunks(1, 2));
    },
  ),
  reopenCase(
    "appends that were called just before closing are there",
    async (store) => {
      const { epoch } = await createLog(store, key);
      const appends = chunks(1, 100).map((each) => store.log.append(key, batch(epoch, { chunks: [each] })));
      await store.close();
      return Promise.all(appends);
    },
    async (store) => assertChunks(await readAll(store, key), chunks(1, 100)),
  ),
];
