import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import {
  type BatchItem,
  BatchItemSchema,
  BatchState,
  BatchItemState as ItemState,
} from "@dragoman/contract/orchestrator/v1/batch_pb";
import { waitUntil } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { failingItem, hasEnded, heldItem, readBatch, sayItem, scriptItem } from "../testing/run-batch.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, refusedCall, type Wires } from "../testing/wires.ts";

let server: TestServer;
let wires: Wires;
let all: Services;

beforeAll(async () => {
  server = await startTestServer({ heartbeatMs: "100" });
  wires = openWires(server.url);
  all = servicesOver(wires.transport("gRPC"));
});
afterAll(async () => {
  wires.close();
  await server.close();
});

const invalid = (path: string, reason = "INVALID_INPUT") => ({
  code: Code.InvalidArgument,
  reason,
  metadata: expect.objectContaining(reason === "INVALID_INPUT" ? { path } : {}),
});

describe("what is refused makes nothing", () => {
  const good = sayItem("good");
  const wrongMessage = scriptItem([], { messages: [{ id: "", role: "user", content: "no id" }] });
  const cases: readonly [string, object, object][] = [
    [
      "a message that breaks a rule",
      { items: [good, wrongMessage] },
      invalid("/items/1/input/messages/0/id"),
    ],
    [
      "an item without input",
      { items: [good, create(BatchItemSchema, { agentId: "script" })] },
      invalid("/items/1/input"),
    ],
    [
      "two items that name one run",
      { items: [sayItem("a", { threadId: "t", runId: "r" }), sayItem("b", { threadId: "t", runId: "r" })] },
      invalid("/items/1/input/runId"),
    ],
    [
      "an agent that is not there",
      { items: [good, { ...good, agentId: "absent" }] },
      {
        code: Code.NotFound,
        reason: "AGENT_NOT_FOUND",
        metadata: { agent_id: "absent", path: "/items/1/agent_id" },
      },
    ],
    [
      "too much parallelism",
      { items: [good], options: { parallelism: 257 } },
      invalid("", "INVALID_REQUEST"),
    ],
    [
      "no time at all",
      { items: [good], options: { itemTimeout: durationFromMs(0) } },
      invalid("", "INVALID_REQUEST"),
    ],
    ["too many items", { items: Array.from({ length: 10_001 }, () => ({})) }, invalid("", "INVALID_REQUEST")],
  ];

  test.each(cases)("%s", async (name, request, refusal) => {
    const refused = await refusedCall(all.batches.batchRunAgent({ batchId: name, ...request }));
    expect(refused).toMatchObject(refusal);
    const none = { code: Code.NotFound, reason: "BATCH_NOT_FOUND", metadata: { batch_id: name } };
    expect(await refusedCall(all.batches.getBatch({ batchId: name }))).toMatchObject(none);
  });

  test("a request that is too large", async () => {
    const items = Array.from({ length: 5 }, () => sayItem("x".repeat(1024 * 1024)));
    const refused = await refusedCall(all.batches.batchRunAgent({ batchId: "large", items }));
    expect(refused.code).toBe(Code.ResourceExhausted);
  });

  test("a call that says nothing, and batches that are not there", async () => {
    expect(await refusedCall(all.batches.batchRunAgent({}))).toMatchObject(invalid("", "INVALID_REQUEST"));
    const absent = { batchId: "absent" };
    const none = { code: Code.NotFound, reason: "BATCH_NOT_FOUND" };
    expect(await refusedCall(all.batches.batchRunAgent(absent))).toMatchObject(none);
    expect(await refusedCall(all.batches.cancelBatch(absent))).toMatchObject(none);
    expect(await refusedCall(all.batches.getBatch({ batchId: "" }))).toMatchObject(
      invalid("", "INVALID_REQUEST"),
    );
  });

  test("the same id with other items", async () => {
    await readBatch(all.batches.batchRunAgent({ batchId: "taken", items: [sayItem("mine")] }));
    const refused = await refusedCall(
      all.batches.batchRunAgent({ batchId: "taken", items: [sayItem("other")] }),
    );
    expect(refused).toMatchObject({ code: Code.AlreadyExists, reason: "BATCH_EXISTS" });
  });

  test("page tokens of another list", async () => {
    const refusal = { code: Code.InvalidArgument, reason: "INVALID_PAGE_TOKEN" };
    for (const pageToken of ["x", "item.0", "item.1", "item.-1"]) {
      expect(await refusedCall(all.batches.getBatch({ batchId: "taken", pageToken }))).toMatchObject(refusal);
    }
    expect(await refusedCall(all.batches.listBatches({ pageToken: "item.1" }))).toMatchObject(refusal);
  });
});

describe("two clients at once", () => {
  test("make one batch, see the same, and each item runs once", async () => {
    const other = servicesOver(wires.transport("Connect, HTTP/1.1"));
    const items = Array.from({ length: 20 }, (_, index) => sayItem(String(index), {}, index % 3));
    const request = { batchId: "twice", items, events: true };
    const [one, two] = await Promise.all([
      readBatch(all.batches.batchRunAgent(request)),
      readBatch(other.batches.batchRunAgent(request)),
    ]);
    expect(one.ended.length).toBe(20);
    expect(two.ended).toEqual(one.ended);
    expect(two.last).toEqual(one.last);
    const byItem = ({ events }: typeof one) => [...events].sort((a, b) => a.index - b.index);
    expect(byItem(two)).toEqual(byItem(one));
    const { runs } = await all.runs.listRuns({ sessionId: one.ended[7]?.sessionId ?? "" });
    expect(runs.map(({ runId }) => runId)).toEqual([one.ended[7]?.runId]);
  });

  test("make two different batches of one id: one is refused", async () => {
    const make = (text: string) => all.batches.batchRunAgent({ batchId: "race", items: [sayItem(text)] });
    const results = await Promise.allSettled([readBatch(make("a")), readBatch(make("b"))]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("one that leaves ends nothing; one that joins gets what has ended first", async () => {
    const gate = heldItem();
    const leave = new AbortController();
    const items = [sayItem("a"), gate, sayItem("c")];
    const stream = all.batches.batchRunAgent({ batchId: "left", items }, { signal: leave.signal });
    await readBatch(stream, (item) => item.case === "result" && hasEnded(item.value), leave);
    await waitUntil(async () => {
      const { batch } = await all.batches.getBatch({ batchId: "left" });
      return batch?.succeededCount === 2;
    }, "the other items");
    const read = readBatch(all.batches.batchRunAgent({ batchId: "left" }));
    await all.batches.cancelBatch({ batchId: "left" });
    const { items: seen, ended, last } = await read;
    const states = seen.flatMap(({ case: kind, value }) => (kind === "result" ? [value.state] : []));
    expect(states.slice(0, 2)).toEqual([ItemState.SUCCEEDED, ItemState.SUCCEEDED]);
    expect(ended[1]).toMatchObject({ state: ItemState.CANCELED, run: { agentId: "script" } });
    expect(last).toMatchObject({ state: BatchState.CANCELED, succeededCount: 2, canceledCount: 1 });
  });
});

test("a batch whose items say nothing sends heartbeats", async () => {
  const stream = all.batches.batchRunAgent({ batchId: "silent", items: [heldItem()], events: true });
  const leave = new AbortController();
  const { items } = await readBatch(stream, ({ case: kind }) => kind === "heartbeat", leave);
  expect(items.at(-1)?.case).toBe("heartbeat");
  await all.batches.cancelBatch({ batchId: "silent" });
});

test("an item that waits for people has ended, as that", async () => {
  const outcome = { type: "interrupt", interrupts: [{ id: "q", reason: "input" }] };
  const asks = scriptItem([{ type: "RUN_FINISHED", threadId: "any", runId: "any", outcome }]);
  const { ended, last } = await readBatch(all.batches.batchRunAgent({ items: [asks] }));
  expect(ended).toMatchObject([{ state: ItemState.INTERRUPTED, errorCode: "" }]);
  expect(last).toMatchObject({ state: BatchState.COMPLETED, interruptedCount: 1 });
});

test("times and stopping at a failure, as the options say", async () => {
  const options = { parallelism: 1, itemTimeout: durationFromMs(50), stopOnFailure: true };
  const items = [sayItem("a"), heldItem(), sayItem("never")];
  const { first, ended, last } = await readBatch(all.batches.batchRunAgent({ items, options }));
  expect(first?.options).toMatchObject(options);
  expect(ended).toMatchObject([
    { state: ItemState.SUCCEEDED },
    { state: ItemState.FAILED, errorCode: "ITEM_TIMED_OUT" },
    { state: ItemState.CANCELED, errorCode: "BATCH_STOPPED", attemptCount: 0 },
  ]);
  expect(last).toMatchObject({ state: BatchState.STOPPED });
  const whole = { items: [heldItem()], options: { timeout: durationFromMs(50) } };
  expect((await readBatch(all.batches.batchRunAgent(whole))).last).toMatchObject({
    state: BatchState.TIMED_OUT,
  });
});

test("pages of results, in their order, and of batches, newest first", async () => {
  const items = Array.from({ length: 7 }, (_, index) =>
    index === 3 ? failingItem() : sayItem(String(index)),
  );
  await readBatch(all.batches.batchRunAgent({ batchId: "paged", items }));
  const indexes: number[] = [];
  for (let pageToken = ""; ; ) {
    const page = await all.batches.getBatch({ batchId: "paged", pageSize: 3, pageToken });
    indexes.push(...page.results.map(({ index }) => index));
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  expect(indexes).toEqual([0, 1, 2, 3, 4, 5, 6]);
  await readBatch(all.batches.batchRunAgent({ batchId: "newer", items: [sayItem("x")] }));
  const first = await all.batches.listBatches({ pageSize: 1, state: BatchState.COMPLETED });
  expect(first.batches.map(({ batchId }) => batchId)).toEqual(["newer"]);
  const second = await all.batches.listBatches({
    pageSize: 1,
    state: BatchState.COMPLETED,
    pageToken: first.nextPageToken,
  });
  expect(second.batches.map(({ batchId }) => batchId)).toEqual(["paged"]);
});

test("a page ends before its contents get too long for a client", async () => {
  const long = "x".repeat(600_000);
  const items: BatchItem[] = Array.from({ length: 4 }, () => create(BatchItemSchema, sayItem(long)));
  await readBatch(all.batches.batchRunAgent({ batchId: "long", items }));
  let count = 0;
  let pages = 0;
  for (let pageToken = ""; pages === 0 || pageToken !== ""; pages++) {
    const page = await all.batches.getBatch({ batchId: "long", pageToken });
    for (const { content } of page.results) expect(content.length).toBe(long.length);
    count += page.results.length;
    pageToken = page.nextPageToken;
  }
  expect(count).toBe(4);
  expect(pages).toBeGreaterThan(1);
});

test("a batch that has ended is gone when the retention of the server is over", async () => {
  await using brief = await startTestServer({ retention: "1s" });
  const own = openWires(brief.url);
  try {
    const { batches } = servicesOver(own.transport("gRPC"));
    await readBatch(batches.batchRunAgent({ batchId: "brief", items: [sayItem("x")] }));
    await waitUntil(async () => (await batches.listBatches({})).batches.length === 0, "the removal");
    const gone = { code: Code.NotFound, reason: "BATCH_NOT_FOUND" };
    expect(await refusedCall(batches.getBatch({ batchId: "brief" }))).toMatchObject(gone);
  } finally {
    own.close();
  }
});
