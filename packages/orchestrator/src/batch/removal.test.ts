import { openMemoryStore, type Store } from "@dragoman/event-log";
import { waitUntil } from "@dragoman/testing";
import { describe, expect, test } from "vitest";
import { kinds } from "./entries.ts";
import { countingAgent, item, newBatch, openServer, read, readToEnd, toldAgent } from "./testing/harness.ts";

const hourMs = 3_600_000;

async function entryCount({ catalog }: Store): Promise<number> {
  const counts = await Promise.all(Object.values(kinds).map((kind) => catalog.count({ kind })));
  return counts.reduce((sum, count) => sum + count, 0);
}

describe("the retention of batches", () => {
  test("an ended batch is removed with all its items, its runs stay, and its id is free", async () => {
    const store = await openMemoryStore();
    const { batches, engine } = await openServer(store, countingAgent(), { retentionMs: 1 });
    await batches.make(newBatch([item("0", "t"), item("1")]));
    await waitUntil(async () => (await entryCount(store)) === 0, "the removal");
    const gone = { reason: "BATCH_NOT_FOUND" };
    await expect(batches.get("default", "b", 0, "")).rejects.toMatchObject(gone);
    await expect(batches.cancel("default", "b")).rejects.toMatchObject(gone);
    await expect(readToEnd(batches)).rejects.toMatchObject(gone);
    const page = { namespace: "default", pageSize: 0, pageToken: "" };
    expect((await batches.list(page)).items).toEqual([]);
    expect((await engine.listRuns(page)).items).toHaveLength(2);
    await batches.make(newBatch([item("2")]));
    await waitUntil(async () => (await entryCount(store)) === 0, "the second removal");
  });

  test("it counts from the end, also while the server is down, and spares what goes on", async () => {
    const store = await openMemoryStore();
    let time = Date.now();
    const options = { now: () => time, retentionMs: hourMs };
    const told = toldAgent();
    const first = await openServer(store, told.agent, options);
    await first.batches.make(newBatch([item("-")], {}, "older"));
    await waitUntil(() => told.open().length === 1, "the older one");
    told.finish("-");
    await readToEnd(first.batches, "older");
    await first.batches.make(newBatch([item("0")], {}, "ended"));
    await first.batches.make(newBatch([item("1")], {}, "goes-on"));
    time += 2 * hourMs;
    await waitUntil(() => told.open().length === 2, "both");
    told.finish("0");
    await readToEnd(first.batches, "ended");
    first.batches.beginNoMore();
    time += hourMs - 1;
    const second = await openServer(store, told.agent, options);
    await waitUntil(async () => (await entryCount(store)) === 5, "the removal of the older one");
    expect((await second.batches.get("default", "ended", 0, "")).items).toHaveLength(1);
    await expect(second.batches.get("default", "older", 0, "")).rejects.toMatchObject({
      reason: "BATCH_NOT_FOUND",
    });
    second.batches.beginNoMore();
    time += 1;
    const third = await openServer(store, told.agent, options);
    await waitUntil(async () => (await entryCount(store)) === 3, "the removal");
    expect((await third.batches.get("default", "goes-on", 0, "")).items).toHaveLength(1);
    told.finish("1");
  });

  test("a reader in the middle of a batch that is removed is told so", async () => {
    const store = await openMemoryStore();
    let time = Date.now();
    const options = { now: () => time, retentionMs: hourMs };
    const items = Array.from({ length: 100 }, (_, index) => item(String(index)));
    const first = await openServer(store, countingAgent(), options);
    await first.batches.make(newBatch(items));
    await readToEnd(first.batches);
    const reader = read(first.batches);
    await reader.next();
    await reader.next();
    time += hourMs;
    await openServer(store, countingAgent(), options);
    await waitUntil(async () => (await entryCount(store)) === 0, "the removal");
    const rest = async () => {
      for await (const _ of reader);
    };
    await expect(rest()).rejects.toMatchObject({ reason: "BATCH_NOT_FOUND" });
  });

  test("without a retention nothing is removed; one that is none is refused", async () => {
    const store = await openMemoryStore();
    let time = Date.now();
    const { batches } = await openServer(store, countingAgent(), { now: () => time });
    await batches.make(newBatch([item("0")]));
    await readToEnd(batches);
    time += 10_000 * hourMs;
    await openServer(store, countingAgent(), { now: () => time });
    expect(await readToEnd(batches)).toHaveLength(1);
    await expect(openServer(store, countingAgent(), { retentionMs: -1 })).rejects.toThrow(RangeError);
  });
});
