import assert from "node:assert/strict";
import { LimitError } from "../errors.ts";
import type { EventChunk } from "../event-log.ts";
import { placeOf } from "../place.ts";
import {
  assertEntries,
  batch,
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
const mebibyte = 1024 * 1024;

/** Bytes that repeat only after 251, so that a page of them in the wrong place shows. */
function patterned(length: number, start: number): Uint8Array {
  return new Uint8Array(length).map((_, i) => (start + i) % 251);
}

/** Compares bytes without making a list of millions of numbers. */
function assertSameBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  assert.ok(actual && Buffer.compare(actual, expected) === 0, "the bytes are not those that were appended");
}

export const largeCases: readonly StoreCase[] = [
  storeCase("large", "a chunk of 8 MiB comes back as it was, alone in its page", async (store) => {
    const large: EventChunk = { firstSequence: 2, lastSequence: 9, bytes: patterned(8 * mebibyte, 3) };
    const { epoch } = await createLog(store, key, [chunk(1)]);
    await store.log.append(key, batch(epoch, { chunks: [large, chunk(10)] }));
    const pages = [];
    for (let after = 0; after < 10; after = pages.at(-1)!.at(-1)!.lastSequence) {
      pages.push((await store.log.read(key, { after })).chunks);
    }
    assert.deepEqual(
      pages.map((page) => page.length),
      [1, 1, 1],
    );
    assertSameBytes(pages[1]?.[0]?.bytes, large.bytes);
  }),
  storeCase("large", "large chunks, records and entries go into one append", async (store) => {
    const { epoch } = await createLog(store, key);
    const parts = Array.from({ length: 4 }, (_, i) => patterned(3 * mebibyte, i));
    const sized = parts.map((bytes, i) => ({ firstSequence: i + 1, lastSequence: i + 1, bytes }));
    const full = entry("e", { value: patterned(2 * mebibyte, 9) });
    await store.log.append(key, batch(epoch, { chunks: sized, records: parts, catalog: [{ put: full }] }));
    const read = await readAll(store, key, { maxBytes: 7 * mebibyte });
    const { records } = await store.log.readRecords(key, { after: 1, maxBytes: 6 * mebibyte });
    assert.deepEqual(
      records.map(({ number }) => number),
      [2, 3],
    );
    for (const [i, bytes] of parts.entries()) assertSameBytes(read[i]?.bytes, bytes);
    for (const { number, bytes } of records) assertSameBytes(bytes, parts[number - 1]!);
    assertSameBytes((await store.catalog.get(full))?.value, full.value);
  }),
  storeCase("large", "thousands of chunks go into one append, and are read in one page", async (store) => {
    await createLog(store, key, chunks(1, 3_000));
    const page = await store.log.read(key, { after: 0, maxBytes: mebibyte });
    assert.deepEqual(
      page.chunks.map(({ lastSequence }) => lastSequence),
      chunks(1, 3_000).map((each) => each.lastSequence),
    );
  }),
  storeCase("large", "a list of large entries comes in pages of 16 MiB at most", async ({ catalog }) => {
    const value = patterned(3 * mebibyte, 5);
    const ids = ["g", "f", "e", "d", "c", "b", "a"];
    for (const id of ids) await catalog.put([{ put: entry(id, { value }) }]);
    const first = await catalog.list({ kind: "thing", limit: 100 });
    assert.deepEqual(
      first.map(({ id }) => id),
      ids.slice(0, 5),
    );
    for (const each of first) assertSameBytes(each.value, value);
    const rest = await catalog.list({ kind: "thing", limit: 100, after: placeOf(first.at(-1)!) });
    assert.deepEqual(
      rest.map(({ id }) => id),
      ids.slice(5),
    );
  }),
  storeCase("large", "what is over a limit is refused by its name, and nothing is written", async (store) => {
    const head = await createLog(store, key, [chunk(1)]);
    const bytes = new Uint8Array(16 * mebibyte + 1);
    const batches = [
      { limit: "maxChunkBytes", parts: { chunks: [{ ...chunk(2), bytes }] } },
      { limit: "maxEntryBytes", parts: { catalog: [{ put: entry("e", { value: bytes }) }] } },
      { limit: "maxEntryTextBytes", parts: { catalog: [{ put: entry("x".repeat(4097)) }] } },
      { limit: "maxRecordBytes", parts: { records: [new Uint8Array(64 * mebibyte + 1)] } },
      { limit: "maxAppendBytes", parts: { records: Array.from({ length: 7 }, () => bytes) } },
    ];
    for (const { limit, parts } of batches) {
      const error = await rejection(store.log.append(key, batch(head.epoch, parts)), LimitError);
      assert.equal(error.limit, limit);
      assert.ok(error.actual > error.max);
    }
    assert.deepEqual(await store.log.head(key), head);
    assertEntries(await store.catalog.list({ kind: "thing", limit: 1 }), []);
  }),
];
