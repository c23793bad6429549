import { create, fromBinary } from "@bufbuild/protobuf";
import { type Duration, durationFromMs, durationMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type EventBatch, readFrames } from "@dragoman/agui";
import { HeartbeatSchema } from "@dragoman/contract/agent/v1/stream_pb";
import { EventSchema } from "@dragoman/contract/agui/v1/event_pb";
import {
  type Batch,
  type BatchItemResult,
  BatchItemResultSchema,
  BatchItemState,
  type BatchOptions as BatchOptionsMessage,
  BatchSchema,
  BatchState,
} from "@dragoman/contract/orchestrator/v1/batch_pb";
import {
  type BatchRunAgentResponse,
  BatchRunAgentResponseSchema,
} from "@dragoman/contract/orchestrator/v1/batch_service_pb";
import type {
  BatchInfo,
  BatchOptions,
  BatchState as BatchStateName,
  ItemInfo,
  ItemState,
} from "./batch/entries.ts";
import { runIdOf } from "./batch/item-ids.ts";
import { parallelismDefault } from "./batch/limits.ts";
import type { BatchStreamItem } from "./batch/stream.ts";
import { runMessage } from "./to-message.ts";

const batchStates: Readonly<Record<BatchStateName, BatchState>> = {
  running: BatchState.RUNNING,
  completed: BatchState.COMPLETED,
  stopped: BatchState.STOPPED,
  canceled: BatchState.CANCELED,
  timed_out: BatchState.TIMED_OUT,
};

const itemStates: Readonly<Record<ItemState, BatchItemState>> = {
  pending: BatchItemState.PENDING,
  running: BatchItemState.RUNNING,
  succeeded: BatchItemState.SUCCEEDED,
  failed: BatchItemState.FAILED,
  canceled: BatchItemState.CANCELED,
  interrupted: BatchItemState.INTERRUPTED,
};

/** The name of a state in a filter; undefined for any. */
export function batchStateName(state: BatchState): BatchStateName | undefined {
  return (Object.keys(batchStates) as BatchStateName[]).find((name) => batchStates[name] === state);
}

/** Options with their defaults, from their wire form. */
export function batchOptions(message: BatchOptionsMessage | undefined): BatchOptions {
  const itemTimeoutMs = msOf(message?.itemTimeout);
  const timeoutMs = msOf(message?.timeout);
  return {
    parallelism: message?.parallelism || parallelismDefault,
    stopOnFailure: message?.stopOnFailure ?? false,
    ...(itemTimeoutMs !== undefined && { itemTimeoutMs }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  };
}

/** Timers count whole milliseconds; the shortest time is one of them. */
function msOf(duration: Duration | undefined): number | undefined {
  return duration && Math.max(1, Math.round(durationMs(duration)));
}

/** The wire form of a batch. */
export function batchMessage(info: BatchInfo): Batch {
  const { parallelism, itemTimeoutMs, timeoutMs, stopOnFailure } = info.options;
  return create(BatchSchema, {
    batchId: info.batchId,
    createTime: timestampFromMs(info.createTime),
    ...(info.endTime !== undefined && { endTime: timestampFromMs(info.endTime) }),
    state: batchStates[info.state],
    options: {
      parallelism,
      stopOnFailure,
      ...(itemTimeoutMs !== undefined && { itemTimeout: durationFromMs(itemTimeoutMs) }),
      ...(timeoutMs !== undefined && { timeout: durationFromMs(timeoutMs) }),
    },
    itemCount: info.itemCount,
    succeededCount: info.counts.succeeded,
    failedCount: info.counts.failed,
    canceledCount: info.counts.canceled,
    interruptedCount: info.counts.interrupted,
  });
}

/** The wire form of what became of an item. */
export function resultMessage(batchId: string, item: ItemInfo): BatchItemResult {
  return create(BatchItemResultSchema, {
    index: item.index,
    state: itemStates[item.state],
    sessionId: item.threadId,
    runId: item.run?.runId ?? runIdOf(batchId, item, Math.max(1, item.attemptCount)),
    ...(item.run && { run: runMessage(item.run) }),
    content: item.content ?? "",
    contentCut: item.isContentCut ?? false,
    attemptCount: item.attemptCount,
    errorMessage: item.errorMessage ?? "",
    errorCode: item.errorCode ?? "",
  });
}

/** The wire form of what a reader of a batch is given; of events, one item each. */
export function* streamMessages(batchId: string, item: BatchStreamItem): Generator<BatchRunAgentResponse> {
  switch (item.type) {
    case "batch":
      yield response({ case: "batch", value: batchMessage(item.batch) });
      return;
    case "item":
      yield response({ case: "result", value: resultMessage(batchId, item.item) });
      return;
    case "idle":
      yield response({
        case: "heartbeat",
        value: create(HeartbeatSchema, { time: timestampFromMs(Date.now()) }),
      });
      return;
    case "events":
      yield* eventMessages(item.index, item.events);
  }
}

/** Events that have only a JSON form are left out. */
function* eventMessages(index: number, { frames }: EventBatch): Generator<BatchRunAgentResponse> {
  const places: { sequence: number; start: number; end: number }[] = [];
  readFrames(frames, ({ sequence, start, end, json }) => {
    if (!json) places.push({ sequence, start, end });
  });
  for (const { sequence, start, end } of places) {
    const event = fromBinary(EventSchema, frames.subarray(start, end));
    const value = { index, sequence: BigInt(sequence), event };
    yield create(BatchRunAgentResponseSchema, { item: { case: "event", value } });
  }
}

function response(item: BatchRunAgentResponse["item"]): BatchRunAgentResponse {
  return create(BatchRunAgentResponseSchema, { item });
}
