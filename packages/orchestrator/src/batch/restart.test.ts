import { openMemoryStore, type Store } from "@dragoman/event-log";
import { waitUntil } from "@dragoman/testing";
import { expect, test } from "vitest";
import type { BatchItem } from "./item-ids.ts";
import {
  countingAgent,
  item,
  newBatch,
  openServer,
  readToEnd,
  record,
  toldAgent,
} from "./testing/harness.ts";

/** A server that makes a batch and is gone while its items run; what it left is in the store. */
async function crashWith(store: Store, batch: ReturnType<typeof newBatch>, openCount = 2) {
  const told = toldAgent();
  const server = await openServer(store, told.agent);
  await server.batches.make(batch);
  await waitUntil(() => told.open().length === openCount, "runs");
  return { told, ...server };
}

test("items whose runs were lost are begun again, as runs of their own in the same sessions", async () => {
  const store = await openMemoryStore();
  const { told } = await crashWith(store, newBatch([item("0"), item("1"), item("2")]), 2);
  expect(told.begun).toEqual(["0", "1"]);
  const { batches, engine } = await openServer(store, countingAgent());
  const items = await readToEnd(batches);
  expect(items).toMatchObject([
    { state: "succeeded", attemptCount: 2, content: "0" },
    { state: "succeeded", attemptCount: 2, content: "1" },
    { state: "succeeded", attemptCount: 1, content: "2" },
  ]);
  const { items: runs } = await engine.listRuns({
    namespace: "default",
    sessionId: items[0]?.threadId ?? "",
    pageSize: 0,
    pageToken: "",
  });
  expect(runs.map(({ state, errorCode }) => [state, errorCode])).toEqual([
    ["succeeded", undefined],
    ["failed", "NODE_LOST"],
  ]);
});

test("a server that stops in order leaves its batches to the next one, and says so to readers", async () => {
  const store = await openMemoryStore();
  const { told, batches, engine } = await crashWith(store, newBatch([item("0"), item("1"), item("2")]));
  const reader = record(batches);
  reader.ended.catch(() => {});
  batches.beginNoMore();
  told.finish("0");
  await waitUntil(
    async () => (await batches.get("default", "b", 0, "")).batch.counts.succeeded === 1,
    "an end",
  );
  await engine.close(0);
  await batches.close(5_000);
  await expect(reader.ended).rejects.toMatchObject({ reason: "SHUTTING_DOWN" });
  await expect(batches.make(newBatch([item("x")], {}, "other"))).rejects.toMatchObject({
    reason: "SHUTTING_DOWN",
  });
  expect(told.begun, "nothing began any more").toEqual(["0", "1"]);
  const next = countingAgent();
  const second = await openServer(store, next);
  expect(await readToEnd(second.batches)).toMatchObject([
    { state: "succeeded", attemptCount: 1 },
    { state: "succeeded", attemptCount: 2, run: { state: "succeeded" } },
    { state: "succeeded", attemptCount: 1 },
  ]);
  expect([...next.begun].sort()).toEqual(["1", "2"]);
  expect(second.errors).toEqual([]);
});

test("itemAttemptsMax: an item that is lost that often fails with the last one", async () => {
  const store = await openMemoryStore();
  const batch = newBatch([item("0")]);
  await crashWith(store, batch, 1);
  for (let attempt = 2; attempt <= 3; attempt++) {
    const told = toldAgent();
    await openServer(store, told.agent);
    await waitUntil(() => told.open().length === 1, "the run of an attempt");
  }
  const agent = countingAgent();
  const { batches } = await openServer(store, agent);
  expect(await readToEnd(batches)).toMatchObject([
    { state: "failed", attemptCount: 3, errorCode: "NODE_LOST" },
  ]);
  expect(agent.begun).toEqual([]);
});

test("a batch that was cancelled and never heard of it stays cancelled", async () => {
  const store = await openMemoryStore();
  const { batches } = await crashWith(store, newBatch([item("0"), item("1"), item("2")]));
  // The intent reaches the store, and then the process is gone before anything is done about it.
  const entry = await store.catalog.get({ namespace: "default", kind: "batch", parent: "", id: "b" });
  if (!entry) throw new Error("the batch is not in the catalog");
  const info = { ...JSON.parse(new TextDecoder().decode(entry.value)), stopping: "canceled" };
  batches.beginNoMore();
  await store.catalog.put([{ put: { ...entry, value: new TextEncoder().encode(JSON.stringify(info)) } }]);
  const agent = countingAgent();
  const second = await openServer(store, agent);
  const items = await readToEnd(second.batches);
  expect(items).toMatchObject([
    { state: "canceled", attemptCount: 1 },
    { state: "canceled", attemptCount: 1 },
    { state: "canceled", attemptCount: 0, errorCode: "BATCH_CANCELED" },
  ]);
  expect((await second.batches.get("default", "b", 0, "")).batch).toMatchObject({ state: "canceled" });
  expect(agent.begun).toEqual([]);
});

test("times count while no server is there", async () => {
  const store = await openMemoryStore();
  const first = await crashWith(store, newBatch([item("0"), item("1")], { timeoutMs: 60_000 }));
  await first.batches.make(newBatch([item("2")], { itemTimeoutMs: 60_000 }, "items"));
  await waitUntil(() => first.told.open().includes("2"), "the run of the other batch");
  const agent = countingAgent();
  const { batches } = await openServer(store, agent, { now: () => Date.now() + 61_000 });
  expect((await readToEnd(batches)).map(({ state }) => state)).toEqual(["canceled", "canceled"]);
  expect((await batches.get("default", "b", 0, "")).batch.state).toBe("timed_out");
  expect(await readToEnd(batches, "items")).toMatchObject([{ state: "failed", errorCode: "ITEM_TIMED_OUT" }]);
  expect(agent.begun).toEqual([]);
});

test("a batch that cannot be read is reported and left as it is; others go on", async () => {
  const store = await openMemoryStore();
  await crashWith(store, newBatch([item("0")]), 1);
  const key = { namespace: "default", kind: "batch", parent: "", label: "", state: "running", order: 1 };
  await store.catalog.put([{ put: { ...key, id: "broken", value: new TextEncoder().encode("{") } }]);
  const { batches, errors } = await openServer(store, countingAgent());
  expect(await readToEnd(batches)).toMatchObject([{ state: "succeeded" }]);
  expect(errors).toMatchObject([
    { message: expect.stringContaining('the batch "broken" could not be recovered') },
  ]);
});

test("a reader of events gets those of every attempt, in their order, and the item begun again between", async () => {
  const store = await openMemoryStore();
  await crashWith(store, newBatch([item("0")]), 1);
  const { batches } = await openServer(store, countingAgent());
  const sequences: number[] = [];
  const options = { withEvents: true, idleMs: 60_000, signal: new AbortController().signal };
  for await (const one of batches.read("default", "b", options)) {
    if (one.type !== "events") continue;
    for (let at = one.events.firstSequence; at <= one.events.lastSequence; at++) sequences.push(at);
  }
  // RUN_STARTED, three of a message and RUN_ERROR; then the same with RUN_FINISHED.
  expect(sequences).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test("a second attempt is asked what the first one was: what that had said is cut off", async () => {
  const store = await openMemoryStore();
  const asks = (id: string): BatchItem => {
    return { agentId: "", input: { ...item(id, "t").input, messages: [{ id, role: "user", content: id }] } };
  };
  const { told } = await crashWith(store, newBatch([asks("u0"), asks("u1")]), 1);
  expect(told.begun).toEqual(["u0"]);
  const given: string[][] = [];
  const { batches } = await openServer(store, {
    async *run({ threadId, runId, messages }) {
      given.push(messages.map(({ id }) => id));
      const messageId = `answer-${given.length}`;
      yield { type: "TEXT_MESSAGE_START", messageId, role: "assistant" };
      yield { type: "TEXT_MESSAGE_CONTENT", messageId, delta: "done" };
      yield { type: "TEXT_MESSAGE_END", messageId };
      yield { type: "RUN_FINISHED", threadId, runId };
    },
  });
  expect((await readToEnd(batches)).map(({ state }) => state)).toEqual(["succeeded", "succeeded"]);
  expect(given).toEqual([["u0"], ["u0", "answer-1", "u1"]]);
});
