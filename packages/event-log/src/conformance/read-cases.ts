import assert from "node:assert/strict";
import { LogNotFoundError } from "../errors.ts";
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

/** Longer than any case takes: a wait that is not ended would be noticed. */
const longMs = 60_000;

export const readCases: readonly StoreCase[] = [
  storeCase("read", "an empty log gives an empty page and its head", async (store) => {
    const head = await createLog(store, key);
    assert.deepEqual(await store.log.read(key, { after: 0 }), { chunks: [], head });
  }),
  storeCase(
    "read",
    "a missing log is not found, at once, also by a read that would wait",
    async ({ log }) => {
      await rejection(log.read(key, { after: 0 }), LogNotFoundError);
      await rejection(log.read(key, { after: 0, waitMs: longMs }), LogNotFoundError);
    },
  ),
  storeCase("read", "what comes after a sequence is returned, chunks whole", async (store) => {
    const head = await createLog(store, key, [chunk(1, 3), chunk(4, 4), chunk(5, 9)]);
    const expected = [
      { after: 0, first: 1 },
      { after: 2, first: 1 },
      { after: 3, first: 4 },
      { after: 4, first: 5 },
      { after: 8, first: 5 },
    ];
    for (const { after, first } of expected) {
      const page = await store.log.read(key, { after });
      assert.equal(page.chunks[0]?.firstSequence, first, `after ${after}`);
      assert.equal(page.chunks.at(-1)?.lastSequence, 9);
      assert.deepEqual(page.head, head);
    }
  }),
  storeCase("read", "at the head and ahead of it there is nothing", async (store) => {
    const head = await createLog(store, key, [chunk(1, 9)]);
    for (const after of [9, 10, Number.MAX_SAFE_INTEGER]) {
      assert.deepEqual(await store.log.read(key, { after }), { chunks: [], head });
    }
  }),
  storeCase(
    "read",
    "a page stops before it grows over maxBytes, but holds a chunk at least",
    async (store) => {
      const tens = Array.from({ length: 10 }, (_, i) => ({
        ...chunk(i + 1),
        bytes: new Uint8Array(10).fill(i),
      }));
      await createLog(store, key, tens);
      for (const [maxBytes, length] of [
        [1, 1],
        [10, 1],
        [19, 1],
        [20, 2],
        [35, 3],
        [1000, 10],
      ] as const) {
        const page = await store.log.read(key, { after: 0, maxBytes });
        assertChunks(page.chunks, tens.slice(0, length));
        assert.equal(page.head.headSequence, 10);
        assertChunks(await readAll(store, key, { maxBytes }), tens);
      }
    },
  ),
  storeCase("read", "a position that is no sequence is refused", async (store) => {
    await createLog(store, key);
    for (const after of [-1, 0.5, Number.NaN]) await rejection(store.log.read(key, { after }), RangeError);
  }),
];

export const waitCases: readonly StoreCase[] = [
  storeCase("read", "a read that waits ends with the append it waited for", async (store) => {
    const { epoch } = await createLog(store, key, [chunk(1)]);
    const waiting = store.log.read(key, { after: 1, waitMs: longMs });
    await store.log.append(key, batch(epoch, { chunks: [chunk(2, 4)] }));
    const page = await waiting;
    assertChunks(page.chunks, [chunk(2, 4)]);
    assert.equal(page.head.headSequence, 4);
  }),
  storeCase("read", "a read does not wait for what is there", async (store) => {
    await createLog(store, key, [chunk(1)]);
    assertChunks((await store.log.read(key, { after: 0, waitMs: longMs })).chunks, [chunk(1)]);
  }),
  storeCase("read", "a wait that is over gives an empty page", async (store) => {
    const head = await createLog(store, key, [chunk(1)]);
    assert.deepEqual(await store.log.read(key, { after: 1, waitMs: 10 }), { chunks: [], head });
  }),
  storeCase("read", "only events after the position end a wait", async (store) => {
    const { epoch } = await createLog(store, key, [chunk(1)]);
    const other = await createLog(store, logKey("b"));
    const waiting = store.log.read(key, { after: 3, waitMs: longMs });
    await store.log.append(logKey("b"), batch(other.epoch, { chunks: [chunk(1, 9)] }));
    await store.log.append(key, batch(epoch, { records: [bytesOf("r")] }));
    await store.log.append(key, batch(epoch, { chunks: [chunk(2, 3)] }));
    // Long enough for the read to answer that append, if it wrongly does.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await store.log.append(key, batch(epoch, { chunks: [chunk(4)] }));
    assertChunks((await waiting).chunks, [chunk(4)]);
  }),
  storeCase("read", "many reads of one log wait at once", async (store) => {
    const { epoch } = await createLog(store, key);
    const waiting = Array.from({ length: 100 }, () => store.log.read(key, { after: 0, waitMs: longMs }));
    await store.log.append(key, batch(epoch, { chunks: [chunk(1)] }));
    for (const page of await Promise.all(waiting)) assertChunks(page.chunks, [chunk(1)]);
  }),
  storeCase("read", "an aborted signal ends a read with its reason", async (store) => {
    await createLog(store, key, [chunk(1)]);
    const reason = new RangeError("enough");
    const signal = AbortSignal.abort(reason);
    assert.equal(await rejection(store.log.read(key, { after: 0, signal }), RangeError), reason);
    assert.equal(
      await rejection(store.log.read(key, { after: 1, waitMs: longMs, signal }), RangeError),
      reason,
    );
    assert.equal(await rejection(store.log.readRecords(key, { after: 0, signal }), RangeError), reason);
  }),
  storeCase("read", "aborting ends one wait and no other", async (store) => {
    const { epoch } = await createLog(store, key);
    const controller = new AbortController();
    const aborted = store.log.read(key, { after: 0, waitMs: longMs, signal: controller.signal });
    const other = store.log.read(key, { after: 0, waitMs: longMs, signal: new AbortController().signal });
    // After this read both others are waiting, not just about to.
    await store.log.read(key, { after: 0 });
    const reason = new Error("gone");
    controller.abort(reason);
    assert.equal(await rejection(aborted, Error), reason);
    await store.log.append(key, batch(epoch, { chunks: [chunk(1)] }));
    assertChunks((await other).chunks, [chunk(1)]);
  }),
  storeCase("read", "a reader that follows misses no append between two reads", async (store) => {
    const { epoch } = await createLog(store, key);
    const count = 300;
    const write = async () => {
      for (let i = 1; i <= count; i++) await store.log.append(key, batch(epoch, { chunks: [chunk(i)] }));
    };
    const follow = async () => {
      const seen = [];
      for (let after = 0; after < count; ) {
        const page = await store.log.read(key, { after, waitMs: longMs });
        assert.ok(page.chunks.length > 0, "an append must end the wait");
        assert.ok(page.head.headSequence >= page.chunks.at(-1)!.lastSequence);
        seen.push(...page.chunks);
        after = page.chunks.at(-1)!.lastSequence;
      }
      return seen;
    };
    const [first, second] = await Promise.all([follow(), follow(), write()]);
    assertChunks(first, chunks(1, count));
    assertChunks(second, chunks(1, count));
  }),
];

const recordsOf = (count: number) => Array.from({ length: count }, (_, i) => bytesOf(`record ${i + 1}`));

export const recordCases: readonly StoreCase[] = [
  storeCase("records", "records are numbered by themselves, over appends and writers", async (store) => {
    const all = recordsOf(6);
    const { epoch } = await createLog(store, key, [chunk(1, 5)]);
    assert.equal((await store.log.append(key, batch(epoch, { records: all.slice(0, 3) }))).headRecord, 3);
    const next = await store.log.acquire(key);
    assert.equal(next.headRecord, 3);
    const head = await store.log.append(
      key,
      batch(next.epoch, { chunks: [chunk(6)], records: all.slice(3) }),
    );
    assert.deepEqual([head.headSequence, head.headRecord], [6, 6]);
    const page = await store.log.readRecords(key, { after: 0 });
    assert.deepEqual(page.head, head);
    assert.deepEqual(
      page.records.map(({ number, bytes }) => [number, ...bytes]),
      all.map((bytes, i) => [i + 1, ...bytes]),
    );
  }),
  storeCase("records", "records are read in pages", async (store) => {
    const { epoch } = await createLog(store, key);
    await store.log.append(key, batch(epoch, { records: recordsOf(9) }));
    const numbers = [];
    for (;;) {
      const { records } = await store.log.readRecords(key, { after: numbers.length, maxBytes: 20 });
      if (records.length === 0) break;
      assert.ok(records.length <= 2);
      numbers.push(...records.map(({ number }) => number));
    }
    assert.deepEqual(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  }),
  storeCase("records", "reading records never waits", async (store) => {
    const head = await createLog(store, key, [chunk(1)]);
    const page = await store.log.readRecords(key, { after: 0, waitMs: longMs });
    assert.deepEqual(page, { records: [], head });
    assert.deepEqual((await store.log.readRecords(key, { after: 7 })).records, []);
  }),
  storeCase("records", "the records of a missing log are not found", async ({ log }) => {
    await rejection(log.readRecords(key, { after: 0 }), LogNotFoundError);
  }),
];
