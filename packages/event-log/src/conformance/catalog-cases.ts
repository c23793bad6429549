import assert from "node:assert/strict";
import { FencedError, LimitError } from "../errors.ts";
import type { CatalogEntry, CatalogPlace, CatalogQuery, Store } from "../event-log.ts";
import { placeOf } from "../place.ts";
import { assertEntries, batch, bytesOf, chunk, createLog, entry, logKey, rejection } from "./fixtures.ts";
import { type StoreCase, storeCase } from "./store-case.ts";

const put = (entries: readonly CatalogEntry[]) => entries.map((each) => ({ put: each }));

/** Entries of every mixture of two namespaces, parents, labels and three states, in the order of lists. */
const mixture: readonly CatalogEntry[] = Array.from({ length: 48 }, (_, i) =>
  entry(`e${String(i).padStart(2, "0")}`, {
    namespace: i % 2 ? "n1" : "n2",
    parent: i % 4 < 2 ? "p1" : "p2",
    label: i % 8 < 4 ? "l1" : "l2",
    state: ["s1", "s2", "s3"][i % 3] ?? "",
    order: Math.floor(i / 6),
  }),
).sort(
  (a, b) =>
    b.order - a.order ||
    compare(b.namespace, a.namespace) ||
    compare(b.parent, a.parent) ||
    compare(b.id, a.id),
);

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function listIds(store: Store, query: Partial<CatalogQuery> = {}): Promise<string[]> {
  return store.catalog
    .list({ kind: "thing", limit: 100, ...query })
    .then((found) => found.map(({ id }) => id));
}

export const entryCases: readonly StoreCase[] = [
  storeCase("catalog", "an entry is returned as it was put", async ({ catalog }) => {
    const full = entry("a", {
      parent: "p",
      label: "",
      state: "",
      order: -2.5,
      value: new Uint8Array([0, 255, 0]),
    });
    assert.equal(await catalog.get(full), undefined);
    await catalog.put([{ put: full }]);
    assertEntries([(await catalog.get(full))!], [full]);
    assertEntries(await catalog.list({ kind: "thing", limit: 10 }), [full]);
  }),
  storeCase("catalog", "putting replaces the entry with the same key", async (store) => {
    const second = entry("a", { label: "other", state: "old", value: bytesOf("second") });
    await store.catalog.put([{ put: entry("a") }]);
    await store.catalog.put([{ put: second }]);
    assertEntries(await store.catalog.list({ kind: "thing", limit: 10 }), [second]);
    assert.deepEqual(await listIds(store, { states: ["new"] }), []);
    assert.deepEqual(await listIds(store, { label: "other", states: ["old"] }), ["a"]);
  }),
  storeCase("catalog", "namespace, kind and parent are part of the key", async ({ catalog }) => {
    const same = [
      entry("a"),
      entry("a", { namespace: "n" }),
      entry("a", { kind: "k" }),
      entry("a", { parent: "p" }),
    ];
    await catalog.put(put(same));
    for (const each of same) assertEntries([(await catalog.get(each))!], [each]);
    await catalog.put([{ remove: same[0]! }]);
    assert.equal(await catalog.get(same[0]!), undefined);
    for (const each of same.slice(1)) assertEntries([(await catalog.get(each))!], [each]);
  }),
  storeCase("catalog", "entries are counted by kind and state, over all namespaces", async ({ catalog }) => {
    assert.equal(await catalog.count({ kind: "thing" }), 0);
    await catalog.put([...put(mixture), { put: entry("other", { kind: "k", state: "s1" }) }]);
    assert.equal(await catalog.count({ kind: "thing" }), 48);
    assert.equal(await catalog.count({ kind: "thing", states: ["s1"] }), 16);
    assert.equal(await catalog.count({ kind: "thing", states: ["s1", "s3", "s1", "none"] }), 32);
    assert.equal(await catalog.count({ kind: "none", states: ["s1"] }), 0);
    await catalog.put([{ remove: mixture[0]! }]);
    assert.equal(await catalog.count({ kind: "thing" }), 47);
    const states = Array.from({ length: 17 }, (_, i) => `${i}`);
    await rejection(catalog.count({ kind: "thing", states }), LimitError);
  }),
  storeCase("catalog", "removing what is not there is no error", async (store) => {
    await store.catalog.put([{ remove: entry("a") }]);
    await store.catalog.put([{ put: entry("a") }, { remove: entry("a") }, { remove: entry("a") }]);
    assert.deepEqual(await listIds(store), []);
  }),
  storeCase("catalog", "changes apply in their order", async (store) => {
    const last = entry("a", { value: bytesOf("last") });
    await store.catalog.put([
      { put: entry("a") },
      { remove: entry("a") },
      { put: last },
      { put: entry("b") },
      { remove: entry("b") },
    ]);
    assertEntries(await store.catalog.list({ kind: "thing", limit: 10 }), [last]);
  }),
  storeCase("catalog", "entries of an append become visible with its events", async (store) => {
    const key = logKey("a");
    const { epoch } = await createLog(store, key);
    await store.catalog.put([{ put: entry("old") }]);
    const catalog = [{ put: entry("new") }, { remove: entry("old") }];
    const waiting = store.log.read(key, { after: 0, waitMs: 60_000 }).then(() => listIds(store));
    await store.log.append(key, batch(epoch, { chunks: [chunk(1)], catalog }));
    assert.deepEqual(await listIds(store), ["new"]);
    assert.deepEqual(await waiting, ["new"]);
    await rejection(
      store.log.append(key, batch(epoch + 1, { catalog: [{ remove: entry("new") }] })),
      FencedError,
    );
    assert.deepEqual(await listIds(store), ["new"]);
  }),
  storeCase("catalog", "an append may change the catalog alone", async (store) => {
    const head = await createLog(store, logKey("a"), [chunk(1)]);
    const after = await store.log.append(logKey("a"), batch(head.epoch, { catalog: [{ put: entry("e") }] }));
    assert.deepEqual(after, head);
    assert.deepEqual(await listIds(store), ["e"]);
  }),
];

const queries: readonly Partial<CatalogQuery>[] = [
  {},
  { namespace: "n1" },
  { parent: "p1" },
  { label: "l2" },
  { states: ["s1"] },
  { states: ["s3", "s1"] },
  { states: ["s1", "s1"] },
  { states: [] },
  { states: ["none"] },
  { namespace: "n2", parent: "p2" },
  { namespace: "n1", label: "l1" },
  { namespace: "n1", states: ["s2", "s3"] },
  { parent: "p1", label: "l1" },
  { parent: "p2", states: ["s1", "s2"] },
  { label: "l1", states: ["s2"] },
  { namespace: "n2", parent: "p1", label: "l2", states: ["s1", "s3"] },
  { namespace: "none" },
];

function selected({ namespace, parent, label, states = [] }: Partial<CatalogQuery>): CatalogEntry[] {
  return mixture.filter(
    (each) =>
      (namespace === undefined || each.namespace === namespace) &&
      (parent === undefined || each.parent === parent) &&
      (label === undefined || each.label === label) &&
      (states.length === 0 || states.includes(each.state)),
  );
}

async function assertPages(store: Store, query: Partial<CatalogQuery>, limit: number): Promise<void> {
  const found: CatalogEntry[] = [];
  let after: CatalogPlace | undefined;
  for (;;) {
    const page = await store.catalog.list({ kind: "thing", ...query, limit, ...(after && { after }) });
    assert.ok(page.length <= limit);
    found.push(...page);
    assert.ok(found.length <= mixture.length, "a page must not begin before its place");
    const last = page.at(-1);
    if (!last) break;
    after = placeOf(last);
  }
  assertEntries(found, selected(query));
}

export const listCases: readonly StoreCase[] = [
  storeCase("catalog", "lists are newest first, filtered by whatever the query names", async (store) => {
    await store.catalog.put(put([...mixture].reverse()));
    await store.catalog.put([{ put: entry("other", { kind: "other", order: 99 }) }]);
    for (const query of queries) {
      assertEntries(await store.catalog.list({ kind: "thing", ...query, limit: 100 }), selected(query));
    }
    assert.deepEqual(await listIds(store, { kind: "none" }), []);
  }),
  storeCase(
    "catalog",
    "lists are read in pages by place, with no entry twice and none left out",
    async (store) => {
      await store.catalog.put(put(mixture));
      for (const query of queries) for (const limit of [1, 5, 48]) await assertPages(store, query, limit);
    },
  ),
  storeCase("catalog", "a place stays good when its entry is removed", async (store) => {
    await store.catalog.put(put(["a", "b", "c"].map((id) => entry(id))));
    const [first] = await store.catalog.list({ kind: "thing", limit: 1 });
    await store.catalog.put([{ remove: first! }]);
    assert.deepEqual(await listIds(store, { after: placeOf(first!) }), ["b", "a"]);
  }),
  storeCase("catalog", "ties and orders of every size keep their order", async (store) => {
    const orders = [Number.MAX_SAFE_INTEGER, 1e15, 2, 1.5, 1, 0, -1, -1e15];
    await store.catalog.put(put(orders.map((order, i) => entry(`e${i}`, { order })).reverse()));
    const found = await store.catalog.list({ kind: "thing", limit: 100 });
    assert.deepEqual(
      found.map(({ order }) => order),
      orders,
    );
    for (const each of found) {
      const rest = await store.catalog.list({ kind: "thing", limit: 100, after: placeOf(each) });
      assertEntries(rest, found.slice(found.indexOf(each) + 1));
    }
  }),
  storeCase("catalog", "text is ordered by its UTF-8 bytes", async (store) => {
    const ids = ["\u{10ffff}", "\u{1f600}", "\uffff", "\ue000", "é", "e\u0301", "b", "a\0b", "a"];
    await store.catalog.put(put(ids.map((id) => entry(id))));
    assert.deepEqual(await listIds(store), ids);
    for (const [i, id] of ids.entries()) {
      assert.deepEqual(await listIds(store, { after: placeOf(entry(id)) }), ids.slice(i + 1));
    }
  }),
  storeCase("catalog", "a limit that is out of range is refused", async ({ catalog }) => {
    await rejection(catalog.list({ kind: "thing", limit: 10_001 }), LimitError);
    for (const limit of [0, -1, 1.5]) await rejection(catalog.list({ kind: "thing", limit }), RangeError);
    const states = Array.from({ length: 17 }, (_, i) => `s${i}`);
    await rejection(catalog.list({ kind: "thing", limit: 1, states }), LimitError);
    await rejection(catalog.put([{ put: entry("a", { order: Number.NaN }) }]), RangeError);
  }),
];
