import assert from "node:assert/strict";
import { LimitError } from "../errors.ts";
import type { LogKey, Store } from "../event-log.ts";
import { assertChunks, assertEntries, bytesOf, createLog, entry, readAll, rejection } from "./fixtures.ts";
import { type StoreCase, storeCase } from "./store-case.ts";

/** Ids that something on the way may take for something else, or for each other. */
const oddIds: readonly string[] = [
  "a",
  "A",
  "a ",
  " a",
  "a\0",
  "a\0b",
  "\0",
  "a\nb",
  "\ufeffa",
  "é",
  "e\u0301",
  "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}",
  "\ufffd",
  "\uffff",
  "\u{10ffff}",
  "__proto__",
  "constructor",
  "toString",
  "null",
  "0",
  "00",
  "1e0",
  "'; DROP TABLE logs; --",
  '"',
  "%",
  "_",
  "*",
  ">",
  "a.b",
  "../a",
  "a/b",
  "a:b",
  "x".repeat(256),
  `${"x".repeat(255)}y`,
  "é".repeat(128),
  "\u{1f600}".repeat(64),
];

/** Namespace and id that are the same text when joined. */
const splits: readonly LogKey[] = [
  { namespace: "a", id: "bc" },
  { namespace: "ab", id: "c" },
  { namespace: "1", id: "1:a" },
  { namespace: "1:1", id: "a" },
  { namespace: "a\0", id: "b" },
  { namespace: "a", id: "\0b" },
];

async function assertSeparate(store: Store, keys: readonly LogKey[]): Promise<void> {
  const bytes = (key: LogKey) => bytesOf(JSON.stringify(key));
  const chunkOf = (key: LogKey) => ({ firstSequence: 1, lastSequence: 2, bytes: bytes(key) });
  const heads = await Promise.all(keys.map((key) => createLog(store, key, [chunkOf(key)])));
  assert.equal(new Set(heads.map(({ logId }) => logId)).size, keys.length);
  for (const [i, key] of keys.entries()) {
    assert.deepEqual(await store.log.head(key), heads[i]);
    assertChunks(await readAll(store, key), [chunkOf(key)]);
  }
}

export const keyCases: readonly StoreCase[] = [
  storeCase("keys", "every id names a log of its own", (store) =>
    assertSeparate(
      store,
      oddIds.map((id) => ({ namespace: "default", id })),
    ),
  ),
  storeCase("keys", "every namespace is one of its own", (store) =>
    assertSeparate(
      store,
      oddIds.map((namespace) => ({ namespace, id: "a" })),
    ),
  ),
  storeCase("keys", "namespace and id do not run together", (store) => assertSeparate(store, splits)),
  storeCase("keys", "namespace, kind, parent and id of an entry do not run together", async ({ catalog }) => {
    const texts = [
      ["a", "b", "c", "d"],
      ["ab", "", "c", "d"],
      ["a", "bc", "", "d"],
      ["a", "b", "cd", ""],
      ["", "ab", "c", "d"],
      ["abcd", "", "", ""],
      ["", "", "", "abcd"],
      ["a\0b", "", "c", "d"],
      ["a", "\0b", "c", "d"],
    ] as const;
    const entries = texts.map(([namespace, kind, parent, id], i) =>
      entry(id, { namespace, kind, parent, label: String(i) }),
    );
    await catalog.put(entries.map((put) => ({ put })));
    for (const each of entries) assertEntries([(await catalog.get(each))!], [each]);
  }),
  storeCase("keys", "entries are told apart by every text of their key", async ({ catalog }) => {
    const texts = ["", ...oddIds];
    const entries = texts.flatMap((text) => [
      entry(text, { kind: "id" }),
      entry("a", { kind: "parent", parent: text }),
      entry("a", { kind: "namespace", namespace: text }),
      entry("a", { kind: text, parent: "kind" }),
      entry(text, { kind: "filters", label: text, state: text }),
    ]);
    await catalog.put(entries.map((put) => ({ put })));
    for (const each of entries) assertEntries([(await catalog.get(each))!], [each]);
    for (const text of texts) {
      const byParent = await catalog.list({ kind: "parent", parent: text, limit: 9 });
      assertEntries(byParent, [entry("a", { kind: "parent", parent: text })]);
      const filtered = await catalog.list({ kind: "filters", label: text, states: [text], limit: 9 });
      assertEntries(filtered, [entry(text, { kind: "filters", label: text, state: text })]);
      assert.equal((await catalog.list({ kind: "namespace", namespace: text, limit: 9 })).length, 1);
    }
  }),
  storeCase("keys", "an id is 1 to 256 bytes of UTF-8", async ({ log }) => {
    for (const id of ["x".repeat(257), "é".repeat(129), "\u{1f600}".repeat(65)]) {
      assert.equal(
        (await rejection(log.acquire({ namespace: "default", id }), LimitError)).limit,
        "maxKeyBytes",
      );
      assert.equal((await rejection(log.head({ namespace: id, id: "a" }), LimitError)).limit, "maxKeyBytes");
    }
    await rejection(log.acquire({ namespace: "default", id: "" }), RangeError);
    await rejection(log.acquire({ namespace: "", id: "a" }), RangeError);
  }),
  storeCase("keys", "text without a UTF-8 form is refused, not mixed up", async ({ log, catalog }) => {
    for (const id of ["\ud800", "a\udc00b", "\udc00\ud800"]) {
      await rejection(log.acquire({ namespace: "default", id }), RangeError);
      await rejection(catalog.put([{ put: entry(id) }]), RangeError);
      await rejection(catalog.put([{ put: entry("a", { label: id }) }]), RangeError);
    }
    assert.equal(await log.head({ namespace: "default", id: "\ufffd" }), undefined);
  }),
];
