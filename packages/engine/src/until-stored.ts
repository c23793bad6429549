import { setTimeout } from "node:timers/promises";
import { EngineError } from "./errors.ts";
import type { Session } from "./session.ts";

const firstRetryMs = 100;
const lastRetryMs = 5_000;

/**
 * Does something that writes, again and again while the store takes nothing: for what was promised to somebody and
 * must not fail because of a full disk. Resolves with whether it was done: not where the engine gave up.
 */
export async function untilStored(
  session: Session,
  task: () => Promise<void>,
  closed: AbortSignal,
): Promise<boolean> {
  for (let delayMs = firstRetryMs; ; delayMs = Math.min(delayMs * 2, lastRetryMs)) {
    try {
      await session.writing(task);
      return true;
    } catch (error) {
      if (closed.aborted) return false;
      if (!isOfStore(error)) throw error;
      await setTimeout(delayMs, undefined, { signal: closed, ref: false }).catch(() => {});
      // Who gave up must not take the log from who comes next.
      if (closed.aborted) return false;
      await session.recoverWriter().catch(() => undefined);
    }
  }
}

function isOfStore(error: unknown): boolean {
  if (!(error instanceof EngineError)) return false;
  return error.reason === "STORAGE_FULL" || error.reason === "STORAGE_UNAVAILABLE";
}
