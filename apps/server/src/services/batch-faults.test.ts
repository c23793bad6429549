import { Code } from "@connectrpc/connect";
import { inputToMessage } from "@dragoman/agui";
import { createAgentClient } from "@dragoman/client/node";
import type { Batch, BatchItemResult } from "@dragoman/contract/orchestrator/v1/batch_pb";
import { BatchState, BatchItemState as ItemState } from "@dragoman/contract/orchestrator/v1/batch_pb";
import {
  createFaultProxy,
  createTempFolder,
  delay,
  freePort,
  seededRandom,
  waitUntil,
} from "@dragoman/testing";
import { expect, test } from "vitest";
import { followBatch } from "../client/follow-batch.ts";
import { launchServer } from "../testing/launch.ts";
import { countMessages, startRecordingAgent } from "../testing/recording-agent.ts";
import { hasEnded, sayItem } from "../testing/run-batch.ts";
import { startTestServer } from "../testing/test-server.ts";
import { refusedCall } from "../testing/wires.ts";

const seed = Number(process.env.DRAGOMAN_SEED ?? 20_261_121);

/** What a follower saw. */
interface Followed {
  readonly batch: Batch;
  readonly ended: readonly BatchItemResult[];
}

async function follow(
  client: ReturnType<typeof createAgentClient>,
  request: Parameters<typeof followBatch>[1],
  ended: BatchItemResult[] = [],
): Promise<Followed> {
  const onResult = (result: BatchItemResult) => {
    if (hasEnded(result)) ended.push(result);
  };
  return { batch: await followBatch(client, request, { onBatch: () => {}, onResult }), ended };
}

test("kill -9 at random moments: every item ends once, with success, and ended ones are not run again", {
  timeout: 120_000,
}, async () => {
  await using data = await createTempFolder();
  await using agent = await startRecordingAgent();
  agent.script = (input) => [...slowEvents(), ...countMessages(input)];
  const random = seededRandom(seed);
  const port = await freePort();
  const args = ["--port", String(port), "--data", data.path, "--agent", `slow=ag-ui:${agent.url}`];
  let server = await launchServer(args);
  const client = createAgentClient({ baseUrl: `http://127.0.0.1:${port}` });
  const count = 150;
  const items = Array.from({ length: count }, (_, index) => {
    const messages = [{ id: `u${index}`, role: "user" as const, content: `item ${index}` }];
    return { agentId: "slow", input: inputToMessage({ threadId: "", runId: "", messages }) };
  });
  const ended: BatchItemResult[] = [];
  try {
    const request = { batchId: "crashed", items, options: { parallelism: 3 } };
    const following = follow(client, request, ended);
    following.catch(() => {});
    for (let round = 1; round <= 3; round++) {
      await waitUntil(() => ended.length >= (round * count) / 5, "results", { timeoutMs: 60_000 });
      await delay(random.integer(0, 30));
      const seen = new Set(ended.map(({ sessionId }) => sessionId));
      await server.kill("SIGKILL");
      const before = agent.inputs.length;
      server = await launchServer(args);
      const again = agent.inputs.slice(before).filter(({ threadId }) => seen.has(threadId));
      expect(
        again.map(({ runId }) => runId),
        "an item that had ended was run again",
      ).toEqual([]);
    }
    const { batch } = await following;
    expect(batch).toMatchObject({ state: BatchState.COMPLETED, succeededCount: count, itemCount: count });
    expect(ended.map(({ index }) => index).sort((a, b) => a - b)).toEqual(items.map((_, index) => index));
    for (const { sessionId, runId, attemptCount, state } of ended) {
      expect(state).toBe(ItemState.SUCCEEDED);
      const runs = agent.inputs.filter(({ threadId }) => threadId === sessionId);
      expect(runs.filter((run) => run.runId === runId).length, "each run is begun once").toBe(1);
      expect(runs.length).toBeLessThanOrEqual(attemptCount);
    }
    const lost = ended.filter(({ attemptCount }) => attemptCount > 1).length;
    expect(lost).toBeLessThanOrEqual(9);
    expect(agent.inputs.length).toBeLessThanOrEqual(count + lost * 2);
  } finally {
    client.close();
    await server.kill("SIGKILL");
  }
});

/** Some events, so that a run is in its middle more often than not. */
function slowEvents() {
  return Array.from({ length: 20 }, (_, value) => ({ type: "CUSTOM" as const, name: "n", value }));
}

test("a client that is cut off a dozen times gets every result once, and the batch goes on meanwhile", {
  timeout: 30_000,
}, async () => {
  await using server = await startTestServer();
  await using proxy = await createFaultProxy({ port: Number(new URL(server.url).port) });
  const client = createAgentClient({ baseUrl: proxy.url });
  const random = seededRandom(seed);
  const items = Array.from({ length: 60 }, (_, index) => sayItem(`answer ${index}`, {}, 15));
  const ended: BatchItemResult[] = [];
  let isDone = false;
  const cutting = (async () => {
    await waitUntil(() => ended.length > 0, "the first result");
    // A client that joins reads from the beginning, so that there has to be an end to this.
    for (let cuts = 0; cuts < 12 && !isDone; cuts++) {
      proxy.cutAfter(random.integer(0, 8_000));
      await delay(random.integer(20, 200));
      proxy.cut();
    }
    proxy.cutAfter(Number.POSITIVE_INFINITY);
  })();
  try {
    const { batch } = await follow(client, { batchId: "cut", items, options: { parallelism: 2 } }, ended);
    expect(batch.succeededCount).toBe(60);
    expect(ended.map(({ index }) => index).sort((a, b) => a - b)).toEqual(items.map((_, index) => index));
    for (const { index, content } of ended) expect(content).toBe(`answer ${index}`);
  } finally {
    isDone = true;
    await cutting;
    client.close();
  }
});

test("a server that is told to stop ends the streams of its batches with that, and the next one goes on", async () => {
  await using data = await createTempFolder();
  const flags = { memory: false, data: data.path, drainMs: "100" };
  const first = await startTestServer(flags);
  const client = createAgentClient({ baseUrl: first.url });
  const items = [sayItem("quick"), sayItem("slow", {}, 400), sayItem("never begun by the first")];
  const stream = client.batches.batchRunAgent({ batchId: "stopped", items, options: { parallelism: 1 } });
  const seen: string[] = [];
  const refused = refusedCall(
    (async function* () {
      for await (const { item } of stream) {
        if (item.case === "result") seen.push(`${item.value.index} ${ItemState[item.value.state]}`);
        yield item;
      }
    })(),
  );
  await waitUntil(() => seen.includes("1 RUNNING"), "the second item");
  await first.close();
  expect(await refused).toMatchObject({ code: Code.Unavailable, reason: "SHUTTING_DOWN" });
  client.close();
  await using second = await startTestServer(flags);
  const next = createAgentClient({ baseUrl: second.url });
  const { batch, ended } = await follow(next, { batchId: "stopped", items: [] });
  expect(batch).toMatchObject({ state: BatchState.COMPLETED, succeededCount: 3 });
  expect(ended.map(({ index, attemptCount, content }) => [index, attemptCount, content])).toEqual([
    [0, 1, "quick"],
    [1, 2, "slow"],
    [2, 1, "never begun by the first"],
  ]);
  next.close();
  expect([...first.errors, ...second.errors]).toEqual([]);
});
