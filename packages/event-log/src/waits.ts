import type { EventPage, ReadOptions } from "./event-log.ts";

/** What setTimeout takes; it fires at once for more. */
const longestTimeoutMs = 2 ** 31 - 1;

/** One read that waits for an append. */
class Waiter {
  #woken = false;
  #settle: ((woken: boolean) => void) | undefined;
  #fail: ((reason: unknown) => void) | undefined;

  wake(): void {
    this.#woken = true;
    this.#settle?.(true);
  }

  fail(reason: unknown): void {
    this.#fail?.(reason);
  }

  /** Resolves true when woken since the last call, false when the time is over; rejects on abort. */
  wait(timeoutMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    if (this.#woken) {
      this.#woken = false;
      return Promise.resolve(true);
    }
    let timer: ReturnType<typeof setTimeout>;
    const onAbort = () => this.#fail?.(signal?.reason);
    return new Promise<boolean>((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
      timer = setTimeout(resolve, timeoutMs, false);
      signal?.addEventListener("abort", onAbort);
    }).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      this.#settle = undefined;
      this.#fail = undefined;
      this.#woken = false;
    });
  }
}

/** The reads of one store that wait for appends. Implementations share it; callers of stores do not need it. */
export class Waits {
  readonly #byLog = new Map<string, Set<Waiter>>();
  #failure: Error | undefined;

  /** Wakes the reads that wait for a log, given as {@link logKeyText} gives it. */
  wake(log: string): void {
    const waiters = this.#byLog.get(log);
    if (waiters) for (const waiter of waiters) waiter.wake();
  }

  /** Rejects all waits, those that would begin later too. */
  fail(reason: Error): void {
    this.#failure = reason;
    for (const waiters of this.#byLog.values()) for (const waiter of waiters) waiter.fail(reason);
  }

  /**
   * Reads with `readPage` until it gives a page that is not empty or `waitMs` is over.
   *
   * The wait is entered before the first read, so that an append between the read and the wait wakes it.
   */
  async read(log: string, options: ReadOptions, readPage: () => Promise<EventPage>): Promise<EventPage> {
    const { waitMs = 0, signal } = options;
    signal?.throwIfAborted();
    if (waitMs <= 0) return readPage();
    const waiter = new Waiter();
    this.#add(log, waiter);
    try {
      const deadline = performance.now() + waitMs;
      for (;;) {
        const page = await readPage();
        signal?.throwIfAborted();
        if (this.#failure) throw this.#failure;
        const remainingMs = Math.min(deadline - performance.now(), longestTimeoutMs);
        if (page.chunks.length > 0 || remainingMs <= 0) return page;
        if (!(await waiter.wait(remainingMs, signal))) return page;
      }
    } finally {
      this.#remove(log, waiter);
    }
  }

  #add(log: string, waiter: Waiter): void {
    const waiters = this.#byLog.get(log);
    if (waiters) waiters.add(waiter);
    else this.#byLog.set(log, new Set([waiter]));
  }

  #remove(log: string, waiter: Waiter): void {
    const waiters = this.#byLog.get(log);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#byLog.delete(log);
  }
}
