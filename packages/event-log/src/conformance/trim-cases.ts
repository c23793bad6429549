import assert from "node:assert/strict";
import { LogNotFoundError, TrimmedError } from "../errors.ts";
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
const fours = [chunk(1, 4), chunk(5, 8), chunk(9, 12)];

export const trimCases: readonly StoreCase[] = [
  storeCase("trim", "whole chunks are dropped and no others", async (store) => {
    const before = await createLog(store, key, fours);
    const steps = [
      { to: 0, first: 1 },
      { to: 1, first: 1 },
      { to: 4, first: 1 },
      { to: 5, first: 5 },
      { to: 8, first: 5 },
      { to: 9, first: 9 },
    ];
    for (const { to, first } of steps) {
      const head = await store.log.trim(key, to);
      assert.deepEqual(head, { ...before, firstSequence: first }, `trimmed to ${to}`);
      assert.deepEqual(await store.log.head(key), head);
    }
  }),
  storeCase("trim", "the last chunk stays", async (store) => {
    await createLog(store, key, fours);
    for (const to of [13, 1000, Number.MAX_SAFE_INTEGER]) {
      assert.equal((await store.log.trim(key, to)).firstSequence, 9);
    }
    assertChunks(await readAll(store, key, { after: 8 }), fours.slice(2));
  }),
  storeCase("trim", "trimming again, or to less, changes nothing", async (store) => {
    await createLog(store, key, fours);
    const head = await store.log.trim(key, 6);
    assert.deepEqual(await store.log.trim(key, 6), head);
    assert.deepEqual(await store.log.trim(key, 1), head);
    assertChunks(await readAll(store, key, { after: 4 }), fours.slice(1));
  }),
  storeCase("trim", "what is gone cannot be read, and the error says what can", async (store) => {
    await createLog(store, key, fours);
    await store.log.trim(key, 5);
    for (const after of [0, 3]) {
      const error = await rejection(store.log.read(key, { after, waitMs: 60_000 }), TrimmedError);
      assert.equal(error.firstSequence, 5);
    }
    assertChunks((await store.log.read(key, { after: 4 })).chunks, fours.slice(1));
  }),
  storeCase("trim", "a trimmed log goes on", async (store) => {
    const { epoch } = await createLog(store, key, fours);
    await store.log.trim(key, 9);
    const head = await store.log.append(key, batch(epoch, { chunks: [chunk(13)], records: [bytesOf("r")] }));
    assert.deepEqual([head.firstSequence, head.headSequence, head.headRecord], [9, 13, 1]);
    assert.equal((await store.log.acquire(key)).firstSequence, 9);
    assertChunks(await readAll(store, key, { after: 8 }), [chunk(9, 12), chunk(13)]);
    assert.equal((await store.log.readRecords(key, { after: 0 })).records.length, 1);
  }),
  storeCase("trim", "other logs are left alone", async (store) => {
    await createLog(store, key, fours);
    await createLog(store, logKey("b"), fours);
    await store.log.trim(key, 9);
    assertChunks(await readAll(store, logKey("b")), fours);
  }),
  storeCase("trim", "an empty log has nothing to trim", async (store) => {
    const head = await createLog(store, key);
    assert.deepEqual(await store.log.trim(key, 10), head);
    await store.log.append(key, batch(head.epoch, { chunks: [chunk(1)] }));
    assertChunks(await readAll(store, key), [chunk(1)]);
  }),
  storeCase("trim", "a missing log is not found", async ({ log }) => {
    await rejection(log.trim(key, 1), LogNotFoundError);
  }),
  storeCase("trim", "thousands of chunks go in one call", async (store) => {
    await createLog(store, key, chunks(1, 5_000));
    assert.equal((await store.log.trim(key, 4_999)).firstSequence, 4_999);
    assertChunks(await readAll(store, key, { after: 4_998 }), chunks(4_999, 5_000));
  }),
];
