import { type Attachment, EngineError, fingerprintOf, type RunInfo } from "@dragoman/engine";
import { type LogKey, StoreClosedError, StoreFailedError } from "@dragoman/event-log";
import type { FinalText } from "../final-text.ts";
import { type BatchContext, backoff, firstRetryMs, SuspendedError, sleep } from "./context.ts";
import { type BatchInfo, type ItemInfo, inputKey, readInput } from "./entries.ts";

/** Where the run of an item is to be started or found. */
interface RunHost {
  readonly context: BatchContext;
  readonly batch: BatchInfo;
}

/** How long a silence may last before a reader of a run looks around. */
const idleMs = 60_000;

/** Limits that are reached for a while only. */
const passingLimits: readonly string[] = [
  "activeRunsMax",
  "queuedRunsMax",
  "readersPerSessionMax",
  "maxQueuedWrites",
  "maxReads",
];
const passingReasons: readonly string[] = [
  "AGENT_UNAVAILABLE",
  "STORAGE_UNAVAILABLE",
  "STORAGE_FULL",
  "FENCED",
  "RUN_ACTIVE",
];

/**
 * Starts the run of an item or joins it, and attaches to it from its first event. While the server has no room
 * for it this waits and tries again. Once `halt` aborts it only finds what was begun.
 */
export async function startRun(
  host: RunHost,
  item: ItemInfo,
  runId: string,
  signal: AbortSignal,
  halt: AbortSignal,
): Promise<Attachment | undefined> {
  const { context, batch } = host;
  const input = await inputOf(host, item, runId);
  const lastTry = context.now() + context.limits.itemStartTimeoutMs;
  const { namespace } = batch;
  const disconnect = { action: "continue", graceMs: 0 } as const;
  for (const delayMs of backoff()) {
    // What failed may have begun it nevertheless.
    if (halt.aborted) return findRun(host, item, runId, signal);
    if (context.closing.aborted) throw new SuspendedError();
    try {
      const request = { namespace, agentId: item.agentId, input, ifActive: "queue", disconnect } as const;
      return (await context.engine.start(request, { idleMs, signal })).attachment;
    } catch (error) {
      if (!isPassing(error) || context.now() >= lastTry) throw error;
    }
    await sleepUntil(delayMs, halt, context.closing);
  }
  return undefined;
}

/** Attaches to the run of an item if it was started, and starts nothing. */
export async function findRun(
  host: RunHost,
  item: ItemInfo,
  runId: string,
  signal: AbortSignal,
): Promise<Attachment | undefined> {
  const { context } = host;
  try {
    const fingerprint = fingerprintOf(item.agentId, await inputOf(host, item, runId));
    const { itemStartTimeoutMs } = context.limits;
    const find = () => context.engine.getRun(keyOf(host, item), runId);
    const run = await patiently(context, find, itemStartTimeoutMs);
    if (run.fingerprint !== fingerprint) return undefined;
    const key = keyOf(host, item);
    return await patiently(context, () => context.engine.observeRun(key, runId, { idleMs, signal }));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Returns the run of an item. */
export function getRun(host: RunHost, item: ItemInfo, runId: string): Promise<RunInfo> {
  return patiently(host.context, () => host.context.engine.getRun(keyOf(host, item), runId));
}

/**
 * Returns the run of an item once it has ended. One that goes on although nothing more comes of it here belongs
 * to another server by now: that one is given some time to end it. One that is left is returned as it is.
 */
export async function endedRun(
  host: RunHost,
  item: ItemInfo,
  runId: string,
  left: AbortSignal,
): Promise<RunInfo> {
  const { context } = host;
  const lastTry = context.now() + context.limits.itemStartTimeoutMs;
  for (const delayMs of backoff()) {
    const run = await getRun(host, item, runId);
    if ((run.state !== "running" && run.state !== "queued") || left.aborted) return run;
    if (context.closing.aborted) throw new SuspendedError();
    if (context.now() >= lastTry) break;
    await sleep(delayMs, context.closing);
  }
  throw new EngineError("FENCED", "another server has taken the session over, and the run did not end");
}

/** Reads the run of an item to its end, over what the store may fail in meanwhile, or until it is left. */
export async function followRun(
  host: RunHost,
  item: ItemInfo,
  runId: string,
  attached: Attachment,
  text: FinalText,
  signal: AbortSignal,
): Promise<void> {
  const { context } = host;
  let attachment: Attachment | undefined = attached;
  let cursor = attached.cursor;
  const read = async () => {
    attachment ??= await context.engine.observeRun(keyOf(host, item), runId, {
      idleMs,
      signal,
      after: cursor,
    });
    try {
      for (;;) {
        const result = await attachment.next();
        if (result === "end") return;
        if (result === "idle") continue;
        text.pushBatch(result.batch);
        cursor = attachment.cursor;
      }
    } finally {
      attachment.close();
      attachment = undefined;
    }
  };
  try {
    await patiently(context, read);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Does something, and again while it fails for a reason that may pass; with a time, only so long. */
export async function patiently<T>(
  context: BatchContext,
  task: () => Promise<T>,
  timeoutMs = Number.POSITIVE_INFINITY,
): Promise<T> {
  const lastTry = context.now() + timeoutMs;
  for (const delayMs of backoff()) {
    try {
      return await task();
    } catch (error) {
      if (!isPassing(error) || context.closed.aborted || context.now() >= lastTry) throw error;
      if (delayMs === firstRetryMs) context.onError(error);
    }
    await sleep(delayMs, context.closed);
  }
  throw new SuspendedError();
}

/** Whether there is no such run. */
export function isAbsent(error: unknown): boolean {
  return (
    error instanceof EngineError && (error.reason === "RUN_NOT_FOUND" || error.reason === "SESSION_NOT_FOUND")
  );
}

/** Whether the same may work in a moment. */
export function isPassing(error: unknown): boolean {
  if (error instanceof StoreFailedError) return true;
  if (!(error instanceof EngineError)) return false;
  if (error.reason === "LIMIT_REACHED") return passingLimits.includes(error.metadata.limit ?? "");
  return passingReasons.includes(error.reason);
}

/** Whether the server stops. */
export function isShutdown(error: unknown): boolean {
  return (
    error instanceof StoreClosedError || (error instanceof EngineError && error.reason === "SHUTTING_DOWN")
  );
}

async function inputOf({ context, batch }: RunHost, item: ItemInfo, runId: string) {
  const entry = await patiently(context, () => context.catalog.get(inputKey(batch, item.index)));
  if (!entry) throw new Error(`the input of item ${item.index} of batch ${batch.batchId} is not there`);
  return { ...readInput(entry), threadId: item.threadId, runId };
}

function keyOf({ batch }: RunHost, item: ItemInfo): LogKey {
  return { namespace: batch.namespace, id: item.threadId };
}

/** Resolves after a time, or when one of the signals aborts. */
async function sleepUntil(delayMs: number, first: AbortSignal, second: AbortSignal): Promise<void> {
  const both = new AbortController();
  const abort = () => both.abort();
  for (const signal of [first, second]) signal.addEventListener("abort", abort);
  if (first.aborted || second.aborted) abort();
  await sleep(delayMs, both.signal);
  for (const signal of [first, second]) signal.removeEventListener("abort", abort);
}
