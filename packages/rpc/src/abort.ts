import { Code } from "@connectrpc/connect";
import { reasonError } from "./reason-error.ts";

/** Returns why a signal was aborted, as an error to throw. */
export function abortReason(signal: AbortSignal): unknown {
  return signal.reason ?? new DOMException("This operation was aborted", "AbortError");
}

/**
 * Resolves as `promise` does, unless the signal aborts before: then rejects with the signal's reason.
 *
 * What the promise does later is ignored, also its rejection. Leaves no listener behind.
 */
export function raceAbort<T>(promise: PromiseLike<T> | T, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(abortReason(signal));
    if (signal.aborted) {
      onAbort();
      Promise.resolve(promise).catch(() => {});
      return;
    }
    signal.addEventListener("abort", onAbort, { once: true });
    Promise.resolve(promise)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/**
 * Resolves as `promise` does, unless the time is over or the signal aborts before.
 *
 * `timeoutMs` from 0 to 2^31 - 1. Rejects with DEADLINE_EXCEEDED, or with the signal's reason.
 */
export async function raceDeadline<T>(
  promise: PromiseLike<T>,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(deadlineError()), options.timeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, controller.signal]) : controller.signal;
  try {
    return await raceAbort(promise, signal);
  } finally {
    clearTimeout(timer);
  }
}

/** The error of a call whose deadline passed. */
export function deadlineError() {
  return reasonError(
    Code.DeadlineExceeded,
    "DEADLINE_EXCEEDED",
    "The deadline of the call passed. A run that it started goes on.",
  );
}
