import { inputToMessage, type Json, type RunAgentInput } from "@dragoman/agui";
import {
  type Batch,
  type BatchItemResult,
  BatchItemState as ItemState,
} from "@dragoman/contract/orchestrator/v1/batch_pb";
import type {
  BatchItemEvent,
  BatchRunAgentResponse,
} from "@dragoman/contract/orchestrator/v1/batch_service_pb";
import { finished } from "./script-run.ts";

/** An item that says something to the agent `script`: what it answers is `text`. */
export function sayItem(text: string, input: Partial<RunAgentInput> = {}, delayMs = 0) {
  return scriptItem(answer(text), input, delayMs);
}

/** An item whose run never ends by itself within a test. */
export function heldItem(input: Partial<RunAgentInput> = {}) {
  return scriptItem([{ type: "CUSTOM", name: "held", value: 1 }, finished], input, 60_000);
}

/** An item whose run fails. */
export function failingItem(code = "NO_LUCK", input: Partial<RunAgentInput> = {}) {
  return scriptItem([{ type: "RUN_ERROR", message: "it cannot be done", code }], input);
}

/** An item that plays a script. */
export function scriptItem(script: readonly Json[], input: Partial<RunAgentInput> = {}, delayMs = 0) {
  const forwardedProps: Json = { script: [...script], delayMs };
  const message = inputToMessage({ threadId: "", runId: "", messages: [], forwardedProps, ...input });
  return { agentId: "script", input: message };
}

/** The events that say a text. */
export function answer(text: string): Json[] {
  return [
    { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" },
    { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: text },
    { type: "TEXT_MESSAGE_END", messageId: "m" },
    finished,
  ];
}

/** What a stream of a batch brought. */
export interface BatchRead {
  readonly items: readonly BatchRunAgentResponse["item"][];
  readonly first: Batch | undefined;
  /** The batch as it ended. */
  readonly last: Batch | undefined;
  /** The results of items that ended, by their index. */
  readonly ended: readonly BatchItemResult[];
  readonly events: readonly BatchItemEvent[];
}

/** Reads a stream of a batch to its end, or until `enough` says so. */
export async function readBatch(
  stream: AsyncIterable<BatchRunAgentResponse>,
  enough: (item: BatchRunAgentResponse["item"]) => boolean = () => false,
  leave?: AbortController,
): Promise<BatchRead> {
  const items: BatchRunAgentResponse["item"][] = [];
  for await (const { item } of stream) {
    items.push(item);
    if (enough(item)) break;
  }
  leave?.abort();
  const [first] = items;
  const last = items.at(-1);
  const results = items.flatMap((item) => (item.case === "result" ? [item.value] : []));
  return {
    items,
    first: first?.case === "batch" ? first.value : undefined,
    last: last?.case === "batch" ? last.value : undefined,
    ended: results.filter(hasEnded).sort((a, b) => a.index - b.index),
    events: items.flatMap((item) => (item.case === "event" ? [item.value] : [])),
  };
}

/** Whether an item has ended. */
export function hasEnded({ state }: BatchItemResult): boolean {
  return state !== ItemState.PENDING && state !== ItemState.RUNNING;
}
