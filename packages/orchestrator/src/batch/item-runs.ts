import { type Attachment, EngineError, fingerprintOf } from "@dragoman/engine";
import { StoreClosedError } from "@dragoman/event-log";
import { type BatchContext, backoff, SuspendedError, sleep } from "./context.ts";
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
const passingReasons: readonly string[] = ["STORAGE_UNAVAILABLE", "STORAGE_FULL", "FENCED", "RUN_ACTIVE"];

/**
 * Starts the run of an item or joins it, and attaches to it from its first event. While the server has no room
 * for it this waits and tries again. Undefined if `halt` aborts before.
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
    if (halt.aborted) return undefined;
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
  const { context, batch } = host;
  const key = { namespace: batch.namespace, id: item.threadId };
  const fingerprint = fingerprintOf(item.agentId, await inputOf(host, item, runId));
  for (const delayMs of backoff()) {
    if (context.closing.aborted) throw new SuspendedError();
    try {
      const run = await context.engine.getRun(key, runId);
      if (run.fingerprint !== fingerprint) return undefined;
      return await context.engine.observeRun(key, runId, { idleMs, signal });
    } catch (error) {
      if (isAbsent(error)) return undefined;
      if (!isPassing(error)) throw error;
    }
    await sleep(delayMs, context.closing);
  }
  return undefined;
}

/** Whether there is no such run. */
export function isAbsent(error: unknown): boolean {
  return (
    error instanceof EngineError && (error.reason === "RUN_NOT_FOUND" || error.reason === "SESSION_NOT_FOUND")
  );
}

/** Whether the same may work in a moment. */
export function isPassing(error: unknown): boolean {
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
  const entry = await context.catalog.get(inputKey(batch, item.index));
  if (!entry) throw new Error(`the input of item ${item.index} of batch ${batch.batchId} is not there`);
  return { ...readInput(entry), threadId: item.threadId, runId };
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
