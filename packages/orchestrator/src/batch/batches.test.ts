import type { Engine } from "@dragoman/engine";
import { openMemoryStore } from "@dragoman/event-log";
import { waitUntil } from "@dragoman/testing";

import { describe, expect, test } from "vitest";
import {
  countingAgent,
  item,
  newBatch,
  openServer,
  readToEnd,
  record,
  toldAgent,
} from "./testing/harness.ts";

const names = (count: number) => Array.from({ length: count }, (_, index) => String(index));
const states = (items: readonly { readonly state: string }[]) => items.map(({ state }) => state);

async function openTold(options: Parameters<typeof openServer>[2] = {}) {
  const told = toldAgent();
  return { told, ...(await openServer(await openMemoryStore(), told.agent, options)) };
}

/** Starts a run of somebody else in the session "t"; nobody stays attached to it. */
async function startOther(engine: Engine): Promise<void> {
  const input = { threadId: "t", runId: "other", messages: [], forwardedProps: "other" };
  const disconnect = { action: "continue", graceMs: 0 } as const;
  const signal = new AbortController().signal;
  const request = { namespace: "default", agentId: "", input, disconnect };
  (await engine.start(request, { idleMs: 1_000, signal })).attachment.close();
}

describe("the order", () => {
  test("one after another: each begins when the one before has ended", async () => {
    const { told, batches } = await openTold();
    await batches.make(
      newBatch(
        names(5).map((name) => item(name)),
        { parallelism: 1 },
      ),
    );
    for (const name of names(5)) {
      await waitUntil(() => told.open().length === 1, "a run");
      expect(told.open()).toEqual([name]);
      told.finish(name);
    }
    expect(states(await readToEnd(batches))).toEqual(names(5).map(() => "succeeded"));
    expect(told.begun).toEqual(names(5));
  });

  test("in parallel: never more than the bound, and as many as that", async () => {
    const { told, batches } = await openTold();
    await batches.make(
      newBatch(
        names(12).map((name) => item(name)),
        { parallelism: 3 },
      ),
    );
    const ended = readToEnd(batches);
    for (let left = 12; left > 0; left--) {
      await waitUntil(() => told.open().length === Math.min(3, left), "runs");
      told.finish(told.open().at(-1) ?? "");
      await waitUntil(() => told.begun.length >= Math.min(12, 12 - left + 4) || left <= 3, "the next");
    }
    await ended;
    expect(told.most()).toBe(3);
    expect(told.begun).toEqual(names(12));
  });

  test("items of one thread run one after another, in their order", async () => {
    const { told, batches } = await openTold();
    const items = [item("0", "t"), item("1", "t"), item("2"), item("3", "t")];
    await batches.make(newBatch(items, { parallelism: 4 }));
    await waitUntil(() => told.open().length === 2, "the first of each thread");
    expect(told.open()).toEqual(["0", "2"]);
    told.finish("0");
    await waitUntil(() => told.open().includes("1"), "the second of the thread");
    expect(told.open()).not.toContain("3");
    told.finish("1");
    await waitUntil(() => told.open().includes("3"), "the third of the thread");
    for (const name of ["2", "3"]) told.finish(name);
    expect(states(await readToEnd(batches))).toEqual(["succeeded", "succeeded", "succeeded", "succeeded"]);
  });

  test("an item waits behind a run of somebody else in its session", async () => {
    const { told, batches, engine } = await openTold();
    await startOther(engine);
    await batches.make(newBatch([item("0", "t")]));
    await waitUntil(async () => (await engine.listRuns(allRuns)).items.length === 2, "a queued run");
    expect(told.open()).toEqual(["other"]);
    told.finish("other");
    await waitUntil(() => told.open().includes("0"), "the run of the item");
    told.finish("0");
    expect(states(await readToEnd(batches))).toEqual(["succeeded"]);
  });
});

const allRuns = { namespace: "default", pageSize: 0, pageToken: "" };

describe("the end", () => {
  test("the first failure stops it, where that was asked: runs are cancelled, others never begin", async () => {
    const { told, batches } = await openTold();
    await batches.make(
      newBatch(
        names(4).map((name) => item(name)),
        { stopOnFailure: true },
      ),
    );
    const { ended, seen } = record(batches);
    await waitUntil(() => told.open().length === 2, "two runs");
    told.fail("1");
    await ended;
    expect(seen.at(-1)).toMatchObject({
      batch: { state: "stopped", counts: { failed: 1, canceled: 3, succeeded: 0 } },
    });
    const items = await readToEnd(batches);
    expect(items).toMatchObject([
      { state: "canceled", attemptCount: 1, run: { state: "canceled" } },
      { state: "failed", errorCode: "NO_LUCK" },
      { state: "canceled", attemptCount: 0, errorCode: "BATCH_STOPPED" },
      { state: "canceled", attemptCount: 0, errorCode: "BATCH_STOPPED" },
    ]);
    expect(told.begun).toEqual(["0", "1"]);
  });

  test("without that a failure changes nothing for the others", async () => {
    const { told, batches } = await openTold();
    await batches.make(newBatch([item("0"), item("1")]));
    await waitUntil(() => told.open().length === 2, "two runs");
    told.fail("0");
    told.finish("1");
    expect(states(await readToEnd(batches))).toEqual(["failed", "succeeded"]);
  });

  test("an item whose time is over is cancelled and fails; the others go on", async () => {
    const { told, batches } = await openTold();
    await batches.make(newBatch([item("slow"), item("1")], { parallelism: 1, itemTimeoutMs: 30 }));
    await waitUntil(() => told.open().includes("1"), "the next run");
    told.finish("1");
    expect(await readToEnd(batches)).toMatchObject([
      { state: "failed", errorCode: "ITEM_TIMED_OUT", run: { state: "canceled" }, content: "slow" },
      { index: 1 },
    ]);
  });

  test("an item whose time is over behind somebody else's run does not wait for that", async () => {
    const { told, batches, engine } = await openTold();
    await startOther(engine);
    await batches.make(newBatch([item("0", "t")], { itemTimeoutMs: 30 }));
    expect(await readToEnd(batches)).toMatchObject([{ state: "failed", errorCode: "ITEM_TIMED_OUT" }]);
    expect(told.open()).toEqual(["other"]);
    told.finish("other");
    await waitUntil(
      async () => (await engine.listRuns(allRuns)).items.every(({ endTime }) => endTime),
      "ends",
    );
    expect(told.begun, "the cancelled run never began").toEqual(["other"]);
  });

  test("a batch whose time is over ends as that", async () => {
    const { batches } = await openTold();
    await batches.make(
      newBatch(
        names(3).map((name) => item(name)),
        { timeoutMs: 30 },
      ),
    );
    const { seen, ended } = record(batches);
    await ended;
    expect(seen.at(-1)).toMatchObject({ batch: { state: "timed_out", counts: { canceled: 3 } } });
    expect((await readToEnd(batches))[2]).toMatchObject({ errorCode: "BATCH_TIMED_OUT", attemptCount: 0 });
  });

  test("cancelling it twice, from two callers, ends it once", async () => {
    const { told, batches } = await openTold();
    await batches.make(newBatch(names(3).map((name) => item(name))));
    await waitUntil(() => told.open().length === 2, "two runs");
    const both = await Promise.all([batches.cancel("default", "b"), batches.cancel("default", "b")]);
    for (const batch of both) expect(["running", "canceled"]).toContain(batch.state);
    expect(states(await readToEnd(batches))).toEqual(["canceled", "canceled", "canceled"]);
    expect(await batches.cancel("default", "b")).toMatchObject({
      state: "canceled",
      counts: { canceled: 3 },
    });
  });

  test("a run that somebody cancels is a cancelled item, and no failure", async () => {
    const { told, batches, engine } = await openTold();
    await batches.make(newBatch([item("0", "t"), item("1")], { stopOnFailure: true, parallelism: 1 }));
    await waitUntil(() => told.open().includes("0"), "a run");
    await engine.cancelRun({ namespace: "default", id: "t" }, "");
    await waitUntil(() => told.open().includes("1"), "the next run");
    told.finish("1");
    expect(states(await readToEnd(batches))).toEqual(["canceled", "succeeded"]);
  });

  test("a run that exists with another input fails its item, and its events stay its own", async () => {
    const { told, batches } = await openTold();
    await batches.make(newBatch([item("first", "t", "r")], {}, "one"));
    await waitUntil(() => told.open().includes("first"), "a run");
    told.finish("first");
    await readToEnd(batches, "one");
    await batches.make(newBatch([item("second", "t", "r")], {}, "two"));
    const [failed] = await readToEnd(batches, "two");
    expect(failed).toMatchObject({ state: "failed", errorCode: "RUN_EXISTS", attemptCount: 0 });
    expect(failed?.run).toBeUndefined();
    await batches.make(newBatch([item("first", "t", "r")], {}, "three"));
    expect(await readToEnd(batches, "three"), "the same run is joined").toMatchObject([
      { state: "succeeded", content: "first" },
    ]);
    expect(told.begun).toEqual(["first"]);
  });
});

describe("readers", () => {
  const options = { withEvents: true, idleMs: 60_000 };

  test("one that stands still slows nobody, and then gets everything", async () => {
    const { batches } = await openServer(await openMemoryStore(), countingAgent());
    await batches.make(newBatch(names(20).map((name) => item(name))));
    const slow = batches.read("default", "b", { ...options, signal: new AbortController().signal });
    await slow.next();
    expect(states(await readToEnd(batches))).toEqual(names(20).map(() => "succeeded"));
    let eventCount = 0;
    const ended: number[] = [];
    for await (const one of slow) {
      if (one.type === "events") eventCount += one.events.lastSequence - one.events.firstSequence + 1;
      if (one.type === "item") ended.push(one.item.index);
    }
    expect(eventCount).toBe(20 * 5);
    expect(ended.sort((a, b) => a - b)).toEqual(names(20).map(Number));
  });

  test("one that leaves does so at once, also while nothing happens", async () => {
    const { told, batches } = await openTold();
    await batches.make(newBatch([item("0")]));
    const leave = new AbortController();
    const stream = batches.read("default", "b", { ...options, signal: leave.signal });
    const left = (async () => {
      for await (const one of stream) if (one.type === "events") setImmediate(() => leave.abort());
    })();
    await expect(left).rejects.toMatchObject({ name: "AbortError" });
    told.finish("0");
    expect(states(await readToEnd(batches))).toEqual(["succeeded"]);
  });
});

describe("limits", () => {
  const make = async (limits: NonNullable<Parameters<typeof openServer>[2]>["limits"] = {}, count = 3) => {
    const { batches, told } = await openTold({ limits });
    return { batches, told, made: batches.make(newBatch(names(count).map((name) => item(name)))) };
  };

  test.each([
    ["batchItemsMax", 2],
    ["batchItemsActiveMax", 2],
    ["batchItemMaxBytes", 20],
    ["batchItemsMaxBytes", 100],
  ] as const)("%s: nothing is made", async (limit, value) => {
    const { batches, made } = await make({ [limit]: value });
    await expect(made).rejects.toMatchObject({ reason: "LIMIT_REACHED", metadata: { limit } });
    expect((await batches.list(allRuns)).items).toEqual([]);
  });

  test("batchesActiveMax: until one has ended", async () => {
    const { batches, told, made } = await make({ batchesActiveMax: 1 }, 1);
    await made;
    const other = newBatch([item("other")], {}, "other");
    const refusal = { reason: "LIMIT_REACHED", metadata: { limit: "batchesActiveMax" } };
    await expect(batches.make(other)).rejects.toMatchObject(refusal);
    await waitUntil(() => told.open().length === 1, "a run");
    told.finish("0");
    await readToEnd(batches);
    await batches.make(other);
  });

  test("resultContentMax: the content is cut and says so", async () => {
    const { batches } = await openServer(await openMemoryStore(), countingAgent(), {
      limits: { resultContentMax: 3 },
    });
    await batches.make(newBatch([item("12345"), item("123")]));
    expect(await readToEnd(batches)).toMatchObject([
      { content: "123", isContentCut: true },
      { content: "123", isContentCut: false },
    ]);
  });

  test("while the server has no room for a run, an item waits", async () => {
    const { told, batches, engine } = await openTold({ engineLimits: { activeRunsMax: 1 } });
    await startOther(engine);
    await batches.make(newBatch([item("0")]));
    await waitUntil(
      async () => (await batches.get("default", "b", 0, "")).items[0]?.state === "pending",
      "it",
    );
    expect(told.begun).toEqual(["other"]);
    told.finish("other");
    await waitUntil(() => told.open().includes("0"), "the run of the item");
    told.finish("0");
    expect(states(await readToEnd(batches))).toEqual(["succeeded"]);
  });

  test("itemStartTimeoutMs: then it fails with what it waited for", async () => {
    const limits = { itemStartTimeoutMs: 1 };
    const { told, batches, engine } = await openTold({ engineLimits: { activeRunsMax: 1 }, limits });
    await startOther(engine);
    await batches.make(newBatch([item("0")]));
    expect(await readToEnd(batches)).toMatchObject([
      { state: "failed", errorCode: "LIMIT_REACHED", attemptCount: 0 },
    ]);
    expect(told.begun).toEqual(["other"]);
  });

  test("streamedItemsMax: more items than that are streamed one after another, with all their events", async () => {
    const { batches } = await openServer(await openMemoryStore(), countingAgent(), {
      limits: { streamedItemsMax: 2 },
    });
    await batches.make(
      newBatch(
        names(7).map((name) => item(name)),
        { parallelism: 7 },
      ),
    );
    const options = { withEvents: true, idleMs: 60_000, signal: new AbortController().signal };
    for (let round = 0; round < 2; round++) {
      const counts = new Map<number, number>();
      for await (const one of batches.read("default", "b", options)) {
        if (one.type !== "events") continue;
        const { firstSequence, lastSequence } = one.events;
        counts.set(one.index, (counts.get(one.index) ?? 0) + lastSequence - firstSequence + 1);
      }
      expect([...counts.values()]).toEqual(names(7).map(() => 5));
    }
  });
});
