import { BatchState, BatchItemState as ItemState } from "@dragoman/contract/orchestrator/v1/batch_pb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answer, failingItem, readBatch, sayItem, scriptItem } from "../testing/run-batch.ts";
import { servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, type Wires, wireNames } from "../testing/wires.ts";

let server: TestServer;
let wires: Wires;

beforeAll(async () => {
  server = await startTestServer();
  wires = openWires(server.url);
});
afterAll(async () => {
  wires.close();
  await server.close();
  expect(server.errors).toEqual([]);
});

describe.each(wireNames)("over %s", (wire) => {
  const batchId = `wire ${wire}`;

  test("a batch runs to its end, is joined, returned, listed and cancelled", async () => {
    const { batches, sessions } = servicesOver(wires.transport(wire));
    const items = [sayItem("one"), failingItem(), sayItem("three")];
    const made = await readBatch(batches.batchRunAgent({ batchId, items }));
    expect(made.first).toMatchObject({ batchId, itemCount: 3, state: BatchState.RUNNING });
    expect(made.last).toMatchObject({ state: BatchState.COMPLETED, succeededCount: 2, failedCount: 1 });
    expect(made.ended).toMatchObject([
      { index: 0, state: ItemState.SUCCEEDED, content: "one", attemptCount: 1, errorCode: "" },
      { index: 1, state: ItemState.FAILED, errorCode: "NO_LUCK", errorMessage: "it cannot be done" },
      { index: 2, state: ItemState.SUCCEEDED, content: "three" },
    ]);
    const joined = await readBatch(batches.batchRunAgent({ batchId }));
    expect(joined).toMatchObject({ first: made.last, last: made.last, ended: made.ended });
    expect((await readBatch(batches.batchRunAgent({ batchId, items }))).ended).toEqual(made.ended);
    const got = await batches.getBatch({ batchId });
    expect(got).toMatchObject({ batch: made.last, results: made.ended, nextPageToken: "" });
    expect((await batches.listBatches({})).batches).toContainEqual(made.last);
    expect((await batches.cancelBatch({ batchId })).batch, "an ended batch stays as it is").toEqual(
      made.last,
    );
    const { session } = await sessions.getSession({ sessionId: made.ended[0]?.sessionId ?? "" });
    expect(session).toMatchObject({ agentId: "script", runCount: 1n });
  });

  test("the events of its items come before their results", async () => {
    const { batches } = servicesOver(wires.transport(wire));
    const script = [{ type: "STATE_SNAPSHOT", snapshot: { a: 1 } }, ...answer("said")];
    const items = [scriptItem(script), scriptItem(script), failingItem()];
    const read = await readBatch(batches.batchRunAgent({ items, events: true }));
    for (const index of [0, 1]) {
      const own = read.events.filter((event) => event.index === index);
      expect(own.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n, 4n, 5n, 6n]);
      expect(own.at(-1)?.event?.event.case).toBe("runFinished");
      const places = read.items.flatMap(({ case: kind, value }, place) =>
        (kind === "event" || kind === "result") && value.index === index ? [[kind, place] as const] : [],
      );
      expect(places.at(-1)?.[0]).toBe("result");
    }
    const again = await readBatch(batches.batchRunAgent({ batchId: read.last?.batchId ?? "", events: true }));
    const sorted = (events: typeof read.events) => [...events].sort((a, b) => a.index - b.index);
    expect(sorted(again.events)).toEqual(sorted(read.events));
    expect(again.ended).toEqual(read.ended);
  });
});
