import assert from "node:assert/strict";
import { FencedError, LogNotFoundError } from "../errors.ts";
import {
  assertChunks,
  batch,
  bytesOf,
  chunk,
  chunks,
  createLog,
  logKey,
  readAll,
  rejection,
} from "./fixtures.ts";
import { type StoreCase, storeCase } from "./store-case.ts";

const key = logKey("a");

export const removeCases: readonly StoreCase[] = [
  storeCase(
    "remove",
    "a removed log is not found, and nothing can be written to it",
    async ({ log, catalog }) => {
      const { epoch } = await log.acquire(key);
      await log.append(key, batch(epoch, { chunks: chunks(1, 3), records: [bytesOf("r")] }));
      assert.equal(await log.remove(key, epoch), undefined);
      assert.equal(await log.head(key), undefined);
      await rejection(log.read(key, { after: 0 }), LogNotFoundError);
      await rejection(log.readRecords(key, { after: 0 }), LogNotFoundError);
      await rejection(log.append(key, batch(epoch, { chunks: [chunk(4)] })), LogNotFoundError);
      await rejection(log.trim(key, 1), LogNotFoundError);
      await rejection(log.acquire(key, { create: false }), LogNotFoundError);
      assert.equal(
        await catalog.get({ namespace: "default", kind: "thing", parent: "", id: "a" }),
        undefined,
      );
    },
  ),
  storeCase("remove", "a log made anew is another one and has nothing of the old one", async (store) => {
    const before = await createLog(store, key, chunks(1, 3));
    await store.log.append(key, batch(before.epoch, { records: [bytesOf("old")] }));
    await store.log.remove(key, before.epoch);
    const after = await createLog(store, key, [chunk(1, 1, "new")]);
    assert.notEqual(after.logId, before.logId);
    assert.deepEqual([after.headSequence, after.firstSequence, after.headRecord], [1, 1, 0]);
    assertChunks(await readAll(store, key), [chunk(1, 1, "new")]);
    assert.equal((await store.log.readRecords(key, { after: 0 })).records.length, 0);
  }),
  storeCase("remove", "whoever lost the log cannot remove it", async (store) => {
    const { epoch } = await createLog(store, key, chunks(1, 2));
    const { epoch: newer } = await store.log.acquire(key);
    for (const stale of [epoch, newer + 1]) await rejection(store.log.remove(key, stale), FencedError);
    assertChunks(await readAll(store, key), chunks(1, 2));
    await store.log.remove(key, newer);
    assert.equal(await store.log.head(key), undefined);
  }),
  storeCase("remove", "removing again, or what never was, is no error", async (store) => {
    const { epoch } = await createLog(store, key, [chunk(1)]);
    await store.log.remove(key, epoch);
    await store.log.remove(key, epoch);
    await store.log.remove(logKey("never"), 1);
  }),
  storeCase("remove", "other logs and the catalog are left alone", async (store) => {
    const { epoch } = await createLog(store, key, chunks(1, 2));
    await createLog(store, logKey("b"), chunks(1, 2));
    await createLog(store, logKey("a", "other"), chunks(1, 2));
    await store.log.remove(key, epoch);
    assertChunks(await readAll(store, logKey("b")), chunks(1, 2));
    assertChunks(await readAll(store, logKey("a", "other")), chunks(1, 2));
  }),
  storeCase("remove", "a read that waits is told", async (store) => {
    const { epoch } = await createLog(store, key, [chunk(1)]);
    const waiting = rejection(store.log.read(key, { after: 1, waitMs: 60_000 }), LogNotFoundError);
    await store.log.read(key, { after: 0 });
    await store.log.remove(key, epoch);
    await waiting;
  }),
  storeCase("remove", "thousands of chunks and records go in one call", async (store) => {
    const { epoch } = await createLog(store, key, chunks(1, 3_000));
    await store.log.append(key, batch(epoch, { records: Array.from({ length: 3_000 }, () => bytesOf("r")) }));
    await store.log.remove(key, epoch);
    assert.equal(await store.log.head(key), undefined);
    await createLog(store, key, [chunk(1)]);
    assertChunks(await readAll(store, key), [chunk(1)]);
  }),
];
