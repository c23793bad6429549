import type { RunAgentInput } from "@dragoman/agui";
import type { Created, RunInfo } from "@dragoman/engine";
import type { CatalogChange, CatalogEntry, CatalogKey } from "@dragoman/event-log";

/** Where a batch is in its life. */
export type BatchState = "running" | StopReason | "completed";

/** Why a batch ends before all of its items have ended by themselves; then its state. */
export type StopReason = "stopped" | "canceled" | "timed_out";

/** How a batch behaves. */
export interface BatchOptions {
  readonly parallelism: number;
  readonly itemTimeoutMs?: number;
  readonly timeoutMs?: number;
  readonly stopOnFailure: boolean;
}

/** How many items ended in which state. */
export interface BatchCounts {
  readonly succeeded: number;
  readonly failed: number;
  readonly canceled: number;
  readonly interrupted: number;
}

/** A batch as the catalog has it. Its counts are right once it has ended. */
export interface BatchInfo extends Created {
  readonly namespace: string;
  readonly batchId: string;
  readonly state: BatchState;
  readonly options: BatchOptions;
  /** Of its items as they were given; see {@link batchFingerprint}. */
  readonly fingerprint: string;
  readonly itemCount: number;
  readonly counts: BatchCounts;
  readonly endTime?: number;
  /** Why it is to end: the intent, durable before anything is done about it. */
  readonly stopping?: StopReason;
}

/** Where an item is in its life. */
export type ItemState = "pending" | "running" | EndedItemState;

/** How an item ended. */
export type EndedItemState = keyof BatchCounts;

/** An item and what became of it, as the catalog has it. */
export interface ItemInfo {
  readonly index: number;
  readonly agentId: string;
  readonly threadId: string;
  /** The run of its first attempt; see {@link runIdOf} for later ones. */
  readonly firstRunId: string;
  readonly state: ItemState;
  /** How often it was begun. */
  readonly attemptCount: number;
  /** When it was begun first. */
  readonly beginTime?: number;
  /** Whether its time is over: the intent, durable before its run is cancelled. */
  readonly timedOut?: boolean;
  /** The run of its last attempt. */
  readonly run?: RunInfo;
  /** Its final text, once it ended. */
  readonly content?: string;
  readonly isContentCut?: boolean;
  readonly errorCode?: string;
  readonly errorMessage?: string;
}

/** The names of the entries of batches in the catalog. */
export const kinds = { batch: "batch", item: "batch-item", input: "batch-input" } as const;

/** Items are listed in their order, and lists begin with the highest: this less the index is their order. */
const firstItemOrder = 2 ** 31;

const text = new TextEncoder();
const utf8 = new TextDecoder();

function encode(value: unknown): Uint8Array {
  return text.encode(JSON.stringify(value));
}

function decode(entry: CatalogEntry): unknown {
  return JSON.parse(utf8.decode(entry.value));
}

/** Whether an item has ended. */
export function isEnded(item: Pick<ItemInfo, "state">): boolean {
  return item.state !== "pending" && item.state !== "running";
}

export function batchKey(namespace: string, batchId: string): CatalogKey {
  return { namespace, kind: kinds.batch, parent: "", id: batchId };
}

export function batchEntry(info: BatchInfo): CatalogEntry {
  const { namespace, batchId, state, order } = info;
  return { ...batchKey(namespace, batchId), label: "", state, order, value: encode(info) };
}

export function readBatch(entry: CatalogEntry): BatchInfo {
  return decode(entry) as BatchInfo;
}

/** The place of an item in the list of the items of its batch. */
export function itemPlace(namespace: string, batchId: string, index: number) {
  const id = String(index).padStart(10, "0");
  return { namespace, parent: batchId, id, order: firstItemOrder - index };
}

export function itemEntry(batch: BatchInfo, item: ItemInfo): CatalogEntry {
  const place = itemPlace(batch.namespace, batch.batchId, item.index);
  return { ...place, kind: kinds.item, label: item.agentId, state: item.state, value: encode(item) };
}

export function readItem(entry: CatalogEntry): ItemInfo {
  return decode(entry) as ItemInfo;
}

export function inputKey(batch: BatchInfo, index: number): CatalogKey {
  const { namespace, parent, id } = itemPlace(batch.namespace, batch.batchId, index);
  return { namespace, kind: kinds.input, parent, id };
}

/** The input of an item is an entry of its own: it is written once, and removed when the item has ended. */
export function inputEntry(batch: BatchInfo, index: number, input: RunAgentInput): CatalogEntry {
  const { order } = itemPlace(batch.namespace, batch.batchId, index);
  return { ...inputKey(batch, index), label: "", state: "", order, value: encode(input) };
}

export function readInput(entry: CatalogEntry): RunAgentInput {
  return decode(entry) as RunAgentInput;
}

/** The changes that keep an item that has ended. */
export function endedItemChanges(batch: BatchInfo, item: ItemInfo): CatalogChange[] {
  return [{ put: itemEntry(batch, item) }, { remove: inputKey(batch, item.index) }];
}

/** Counts what items came to. */
export function countItems(items: readonly ItemInfo[]): BatchCounts {
  const counts = { succeeded: 0, failed: 0, canceled: 0, interrupted: 0 };
  for (const { state } of items) if (state !== "pending" && state !== "running") counts[state]++;
  return counts;
}
