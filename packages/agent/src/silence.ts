/** Ends a request when nothing comes for too long, however long it takes as a whole. */
export interface Silence {
  /** Aborts when the caller's signal does, or with what `onSilence` makes when a wait took too long. */
  readonly signal: AbortSignal;
  /** Waits for the next sign of life. Between two waits the time does not count: then it is the reader who is slow. */
  wait<T>(sign: Promise<T>): Promise<T>;
  /** Removes the timer and the listener. */
  end(): void;
}

/** Starts watching. `timeoutMs` is the longest wait for one sign of life. */
export function watchSilence(timeoutMs: number, signal: AbortSignal, onSilence: () => Error): Silence {
  const controller = new AbortController();
  const forward = () => controller.abort(signal.reason);
  if (signal.aborted) forward();
  else signal.addEventListener("abort", forward, { once: true });
  let waiting = false;
  const timer = setTimeout(() => waiting && controller.abort(onSilence()), timeoutMs);

  return {
    signal: controller.signal,
    async wait(sign) {
      waiting = true;
      timer.refresh();
      try {
        return await sign;
      } finally {
        waiting = false;
      }
    },
    end() {
      clearTimeout(timer);
      signal.removeEventListener("abort", forward);
    },
  };
}
