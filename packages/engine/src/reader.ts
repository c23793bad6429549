import { EventBatch } from "@dragoman/agui";
import type { EventLog, LogKey } from "@dragoman/event-log";
import type { Ring } from "./ring.ts";

/** What readers of one session share. */
export interface ReadSource {
  readonly key: LogKey;
  readonly log: EventLog;
  readonly ring: Ring;
  readonly logId: string;
  /** The sequence of the last durable event. */
  readonly headSequence: number;
  readonly waiting: Set<() => void>;
  /** Why there is nothing more to read, once it was removed. */
  readonly failure: Error | undefined;
}

/** What a read gave: events, a silence that deserves a heartbeat, or the end. */
export type ReadResult = { readonly batch: EventBatch } | "idle" | "end";

const pageBytes = 256 * 1024;

/**
 * Reads a log from a cursor: from the ring near the head, from the store behind it.
 *
 * A reader is a cursor and never a queue: however slow it is, it costs the same.
 */
export class EventReader {
  readonly #source: ReadSource;
  readonly #endAt: () => number | undefined;
  readonly #idleMs: number;
  readonly #signal: AbortSignal;
  readonly #wake = () => this.#resolve?.(false);
  #page: EventBatch[] = [];
  #cursor: number;
  #resolve: ((idle: boolean) => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param after the sequence that was read last
   * @param endAt the last sequence to read, once it is known; what comes later is not awaited
   * @param idleMs how long a silence may last before a read answers `idle`
   */
  constructor(
    source: ReadSource,
    after: number,
    endAt: () => number | undefined,
    idleMs: number,
    signal: AbortSignal,
  ) {
    this.#source = source;
    this.#cursor = after;
    this.#endAt = endAt;
    this.#idleMs = idleMs;
    this.#signal = signal;
    signal.addEventListener("abort", this.#wake);
  }

  /** The sequence that was read last. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Reads on. Throws the signal's reason when it aborts, and what the store throws. */
  async next(): Promise<ReadResult> {
    for (;;) {
      this.#signal.throwIfAborted();
      if (this.#source.failure) throw this.#source.failure;
      const endAt = this.#endAt();
      if (endAt !== undefined && this.#cursor >= endAt) return "end";
      const batch = this.#page.shift() ?? this.#source.ring.after(this.#cursor);
      if (batch !== undefined) {
        this.#cursor = batch.lastSequence;
        return { batch };
      }
      if (this.#cursor < this.#source.headSequence) {
        await this.#readPage();
        continue;
      }
      if (await this.#wait()) return "idle";
    }
  }

  /** Releases what it holds. */
  close(): void {
    this.#signal.removeEventListener("abort", this.#wake);
    clearTimeout(this.#timer);
    this.#source.waiting.delete(this.#wake);
    this.#page = [];
  }

  async #readPage(): Promise<void> {
    const { log, key, logId } = this.#source;
    const page = await log.read(key, { after: this.#cursor, maxBytes: pageBytes, signal: this.#signal });
    const batches = page.chunks.map((chunk) => new EventBatch(logId, chunk.bytes));
    const first = batches[0];
    if (first !== undefined && first.firstSequence <= this.#cursor) batches[0] = first.after(this.#cursor);
    this.#page = batches;
  }

  /** Waits for the next append; true if nothing came for a while. */
  #wait(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#resolve = (idle) => {
        this.#resolve = undefined;
        this.#source.waiting.delete(this.#wake);
        resolve(idle);
      };
      this.#source.waiting.add(this.#wake);
      if (this.#timer === undefined) {
        this.#timer = setTimeout(() => this.#resolve?.(true), this.#idleMs);
        this.#timer.unref?.();
      } else this.#timer.refresh();
    });
  }
}

/** Wakes every reader that waits. */
export function wakeReaders(waiting: Set<() => void>): void {
  const all = [...waiting];
  waiting.clear();
  for (const wake of all) wake();
}
