import { type AgentSource, type Engine, EngineError, quote, storageError } from "@dragoman/engine";
import { type Catalog, type CatalogChange, StoreClosedError } from "@dragoman/event-log";
import type { BatchLimits } from "./limits.ts";

/** What all batches of a server share. */
export interface BatchContext {
  readonly engine: Engine;
  readonly agents: AgentSource;
  readonly catalog: Catalog;
  readonly limits: BatchLimits;
  readonly now: () => number;
  /** Takes what nobody waits for. */
  readonly onError: (error: unknown) => void;
  /** Aborts when nothing new is to begin. */
  readonly closing: AbortSignal;
  /** Aborts when nothing is waited for any more. */
  readonly closed: AbortSignal;
}

/** The work on a batch stops because the server does; what is durable says where it goes on. */
export class SuspendedError extends Error {
  override readonly name = "SuspendedError";
}

/** How long the first try after a failed one waits, in milliseconds. */
export const firstRetryMs = 50;
const lastRetryMs = 5_000;

/** Makes changes durable. If the store takes nothing, waits and tries again; throws only a SuspendedError. */
export async function keep(context: BatchContext, changes: readonly CatalogChange[]): Promise<void> {
  for (const delayMs of backoff()) {
    try {
      return await context.catalog.put(changes);
    } catch (error) {
      if (error instanceof StoreClosedError) throw new SuspendedError();
      if (delayMs === firstRetryMs) context.onError(error);
      await sleep(delayMs, context.closed);
      if (context.closed.aborted) throw new SuspendedError();
    }
  }
}

/** Waits between tries, in milliseconds: longer and longer, for ever. */
export function* backoff(): Generator<number> {
  for (let delayMs = firstRetryMs; ; delayMs = Math.min(delayMs * 2, lastRetryMs)) yield delayMs;
}

/** Resolves after a time, or when the signal aborts. */
export function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}

/** Asks the store for a caller, who is told what it cannot do. */
export async function asking<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw refusedByStore(error);
  }
}

/** What a caller is told of a store that does not do what it is asked. */
export function refusedByStore(error: unknown): unknown {
  return error instanceof StoreClosedError ? shuttingDown() : storageError(error);
}

/** The error for a batch that does not exist, or not any more. */
export function batchNotFound(batchId: string): EngineError {
  return new EngineError("BATCH_NOT_FOUND", `there is no batch ${quote(batchId)}`, { batch_id: batchId });
}

/** The error for what would begin while the server stops. */
export function shuttingDown(): EngineError {
  return new EngineError(
    "SHUTTING_DOWN",
    "the server is shutting down: join the batch again when it is back",
  );
}
