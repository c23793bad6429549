import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import type { AgentClient } from "@dragoman/client";
import type { Batch, BatchItemResult } from "@dragoman/contract/orchestrator/v1/batch_pb";

/** What a batch is made of, or which one is joined. It has an id. */
export type BatchRequest = Parameters<AgentClient["batches"]["batchRunAgent"]>[0] & {
  readonly batchId: string;
};

export interface BatchFollower {
  /** The batch, at the beginning. */
  onBatch(batch: Batch): void;
  /** An item that began or ended; each state once, whatever cut the connection. */
  onResult(result: BatchItemResult): void;
}

/** How long a batch is joined again while its server does not answer, in milliseconds. */
const patienceMs = 60_000;
/** How often a first connection is tried: a server that is not there is reported soon. */
const startAttemptsMax = 3;
const delayMs = 500;

/**
 * Makes a batch, or joins it, and follows it to its end over whatever cuts the connection. Sending the same
 * request again is safe: its id makes that a join.
 */
export async function followBatch(
  client: AgentClient,
  request: BatchRequest,
  follower: BatchFollower,
): Promise<Batch> {
  const seen = new Map<number, string>();
  let first: Batch | undefined;
  let lastNews: number | undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      let last: Batch | undefined;
      for await (const { item } of client.batches.batchRunAgent(request)) {
        lastNews = performance.now();
        if (item.case === "batch") {
          last = item.value;
          if (!first) follower.onBatch(last);
          first ??= last;
        } else if (item.case === "result") {
          const state = `${item.value.state} ${item.value.attemptCount}`;
          if (seen.get(item.value.index) !== state) follower.onResult(item.value);
          seen.set(item.value.index, state);
        }
      }
      if (last?.endTime) return last;
    } catch (error) {
      const isCut = error instanceof ConnectError && error.code === Code.Unavailable;
      const isOver =
        lastNews === undefined ? attempt >= startAttemptsMax : performance.now() - lastNews > patienceMs;
      if (!isCut || isOver) throw error;
    }
    await sleep(delayMs);
  }
}
