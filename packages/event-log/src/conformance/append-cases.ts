import assert from "node:assert/strict";
import { FencedError, LogNotFoundError, SequenceError } from "../errors.ts";
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

const key = logKey("a");

export const acquireCases: readonly StoreCase[] = [
  storeCase("append", "acquire creates an empty log", async ({ log }) => {
    const head = await log.acquire(key);
    const { logId, epoch } = head;
    assert.match(logId, /^[^:\s]{1,64}$/);
    assert.ok(Number.isSafeInteger(epoch) && epoch > 0);
    assert.deepEqual(head, { logId, epoch, headSequence: 0, firstSequence: 1, headRecord: 0 });
    assert.deepEqual(await log.head(key), head);
  }),
  storeCase("append", "acquire without create creates nothing", async ({ log }) => {
    const error = await rejection(log.acquire(key, { create: false }), LogNotFoundError);
    assert.deepEqual(error.key, key);
    assert.equal(await log.head(key), undefined);
  }),
  storeCase("append", "acquire of a log keeps what it has and grows its epoch", async (store) => {
    const before = await createLog(store, key, [chunk(1, 3)]);
    const after = await store.log.acquire(key, { create: false });
    assert.ok(after.epoch > before.epoch);
    assert.deepEqual(after, { ...before, epoch: after.epoch });
    assert.deepEqual(await store.log.head(key), after);
  }),
  storeCase("append", "logs have identities of their own", async ({ log }) => {
    const heads = await Promise.all(["a", "b", "c"].map((id) => log.acquire(logKey(id))));
    assert.equal(new Set(heads.map(({ logId }) => logId)).size, 3);
  }),
  storeCase("append", "a log is known only by its own key", async ({ log }) => {
    await log.acquire(key);
    assert.equal(await log.head(logKey("a", "other")), undefined);
    assert.equal(await log.head(logKey("A")), undefined);
  }),
];

export const appendCases: readonly StoreCase[] = [
  storeCase("append", "append adds events and records and returns the head", async (store) => {
    const acquired = await store.log.acquire(key);
    const records = [bytesOf("r1"), bytesOf("r2")];
    const head = await store.log.append(
      key,
      batch(acquired.epoch, { chunks: [chunk(1, 2), chunk(3, 3)], records }),
    );
    assert.deepEqual(head, { ...acquired, headSequence: 3, headRecord: 2 });
    assert.deepEqual(await store.log.head(key), head);
    assertChunks(await readAll(store, key), [chunk(1, 2), chunk(3, 3)]);
  }),
  storeCase("append", "append to a missing log creates nothing", async ({ log }) => {
    await rejection(log.append(key, batch(1, { chunks: [chunk(1)] })), LogNotFoundError);
    assert.equal(await log.head(key), undefined);
  }),
  storeCase("append", "an earlier and a future epoch are fenced", async (store) => {
    const { epoch } = await store.log.acquire(key);
    const newest = await store.log.acquire(key);
    for (const wrong of [epoch, newest.epoch + 1, 0]) {
      const error = await rejection(store.log.append(key, batch(wrong, { chunks: [chunk(1)] })), FencedError);
      assert.equal(error.epoch, wrong);
      assert.deepEqual(error.key, key);
    }
    assert.deepEqual(await store.log.head(key), newest);
    await store.log.append(key, batch(newest.epoch, { chunks: [chunk(1)] }));
  }),
  storeCase("append", "a fenced writer is told so whatever else is wrong", async (store) => {
    const { epoch } = await store.log.acquire(key);
    await store.log.acquire(key);
    await rejection(store.log.append(key, batch(epoch, { chunks: [chunk(99)] })), FencedError);
  }),
  storeCase("append", "a chunk that does not follow the head is refused", async (store) => {
    const before = await createLog(store, key, [chunk(1, 5)]);
    for (const first of [1, 5, 7, 100]) {
      const error = await rejection(
        store.log.append(key, batch(before.epoch, { chunks: [chunk(first, 200)] })),
        SequenceError,
      );
      assert.deepEqual([error.expected, error.actual], [6, first]);
    }
    assert.deepEqual(await store.log.head(key), before);
  }),
  storeCase(
    "append",
    "a chunk that does not follow the one before it is refused with all of its batch",
    async (store) => {
      const before = await createLog(store, key);
      for (const second of [chunk(2), chunk(4)]) {
        const refused = batch(before.epoch, { chunks: [chunk(1, 2), second] });
        const error = await rejection(store.log.append(key, refused), SequenceError);
        assert.deepEqual([error.expected, error.actual], [3, second.firstSequence]);
      }
      assert.deepEqual(await store.log.head(key), before);
      assertChunks(await readAll(store, key), []);
    },
  ),
  storeCase("append", "a chunk that ends before it begins is refused", async (store) => {
    const before = await createLog(store, key);
    const backwards = { ...chunk(1), lastSequence: 0 };
    await rejection(store.log.append(key, batch(before.epoch, { chunks: [backwards] })), RangeError);
    assert.deepEqual(await store.log.head(key), before);
  }),
  storeCase("append", "a refused append leaves nothing: no event, record or entry", async (store) => {
    const before = await createLog(store, key, [chunk(1)]);
    const parts = { records: [bytesOf("r")], catalog: [{ put: entry("e") }] };
    await rejection(
      store.log.append(key, batch(before.epoch + 1, { ...parts, chunks: [chunk(2)] })),
      FencedError,
    );
    await rejection(
      store.log.append(key, batch(before.epoch, { ...parts, chunks: [chunk(3)] })),
      SequenceError,
    );
    assert.deepEqual(await store.log.head(key), before);
    assert.deepEqual((await store.log.readRecords(key, { after: 0 })).records, []);
    assert.equal(await store.catalog.get(entry("e")), undefined);
  }),
  storeCase("append", "an empty batch checks the fence and changes nothing", async ({ log }) => {
    const head = await log.acquire(key);
    assert.deepEqual(await log.append(key, batch(head.epoch)), head);
    await rejection(log.append(key, batch(head.epoch + 1)), FencedError);
  }),
  storeCase("append", "a chunk and a record may be empty", async (store) => {
    const { epoch } = await store.log.acquire(key);
    const empty = { firstSequence: 1, lastSequence: 4, bytes: new Uint8Array() };
    await store.log.append(
      key,
      batch(epoch, { chunks: [empty, chunk(5)], records: [new Uint8Array(), bytesOf("r")] }),
    );
    assertChunks(await readAll(store, key), [empty, chunk(5)]);
    const { records } = await store.log.readRecords(key, { after: 0 });
    assert.deepEqual(
      records.map(({ bytes }) => bytes.length),
      [0, 1],
    );
  }),
  storeCase("append", "the bytes are the caller's again once the promise settled", async (store) => {
    const { epoch } = await store.log.acquire(key);
    const buffer = new Uint8Array(64).fill(7);
    const views = [buffer.subarray(0, 8), buffer.subarray(16, 24), buffer.subarray(32, 40)] as const;
    await store.log.append(
      key,
      batch(epoch, {
        chunks: [{ ...chunk(1), bytes: views[0] }],
        records: [views[1]],
        catalog: [{ put: entry("e", { value: views[2] }) }],
      }),
    );
    assert.deepEqual(
      [...buffer],
      new Array(64).fill(7),
      "the store must not change or take the caller's bytes",
    );
    buffer.fill(9);
    const sevens = new Array(8).fill(7);
    assert.deepEqual([...(await readAll(store, key))[0]!.bytes], sevens);
    assert.deepEqual([...(await store.log.readRecords(key, { after: 0 })).records[0]!.bytes], sevens);
    assert.deepEqual([...(await store.catalog.get(entry("e")))!.value], sevens);
  }),
  storeCase("append", "a log is written on by whoever acquired it last", async (store) => {
    for (let i = 1; i <= 5; i++) {
      const { epoch, headSequence } = await store.log.acquire(key);
      assert.equal(headSequence, i - 1);
      await store.log.append(key, batch(epoch, { chunks: [chunk(i)] }));
    }
    assertChunks(await readAll(store, key), chunks(1, 5));
  }),
];
