import { Code, ConnectError } from "@connectrpc/connect";
import type { StreamItem } from "./stream-item.ts";

/**
 * The items of one RPC as they come. Reading is in two steps, so that what has arrived is had without a
 * promise: `take` until it has nothing, then `wait`.
 *
 * Who stops reading before the end has to `close`.
 */
export interface EventStream extends AsyncIterableIterator<StreamItem> {
  /** The log that the stream is of. Empty before its first item came, and where the service keeps none. */
  readonly logId: string;
  /** Grows whenever anything arrives, to tell a quiet stream from a dead one. */
  readonly activity: number;
  /**
   * The next item if it is here. Undefined if it is not, or the stream has ended.
   *
   * @throws {ConnectError} how the call failed, once what came before it was taken.
   */
  take(): StreamItem | undefined;
  /** Settles when `take` is worth a try, or the stream has ended. */
  wait(): Promise<void>;
  /** Whether the stream has ended with OK and everything was taken. */
  readonly isDone: boolean;
  /** Drops the rest and tells the server, unless the stream has ended. */
  close(): void;
}

/** Called by a queue when it has more than it wants, and when it has nothing more. */
export interface QueueControl {
  pause(): void;
  resume(): void;
  close(): void;
}

/** How much may wait to be taken before the sender is held back. */
export interface QueueLimits {
  /** Items. At least 1; default 4096. */
  readonly maxBufferedItems: number;
  /** Bytes on the wire. At least 1; default 1 MiB. One chunk may go beyond it. */
  readonly maxBufferedBytes: number;
}

/** Checks the limits and fills in what is absent. */
export function queueLimits(options: Partial<QueueLimits>): QueueLimits {
  const { maxBufferedItems = 4096, maxBufferedBytes = 1 << 20 } = options;
  if (!(maxBufferedItems >= 1)) throw new RangeError("maxBufferedItems must be at least 1");
  if (!(maxBufferedBytes >= 1)) throw new RangeError("maxBufferedBytes must be at least 1");
  return { maxBufferedItems, maxBufferedBytes };
}

/** Holds what has arrived until it is taken, and holds the sender back when that is too much. */
export class EventQueue implements EventStream {
  logId = "";
  activity = 0;
  /** Called once, when nothing more can come. */
  onEnd: (() => void) | undefined;
  readonly #limits: QueueLimits;
  #control: QueueControl | undefined;
  #items: StreamItem[] = [];
  #head = 0;
  /** Bytes since the queue was empty: never less than what waits. */
  #bytes = 0;
  #isPaused = false;
  #outcome: "open" | "ok" | "closed" | ConnectError = "open";
  #waiting: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Says whom to hold back. Until then nobody is. */
  attach(control: QueueControl): void {
    this.#control = control;
    if (this.#outcome !== "open") control.close();
  }

  /** Adds an item. Readers do not hear of it before `delivered`. */
  push(item: StreamItem): void {
    if (this.#outcome === "open") this.#items.push(item);
  }

  /** Ends a delivery of so many bytes: readers wake up, or the sender is held back. */
  delivered(bytes: number): void {
    this.activity += 1;
    if (this.#outcome !== "open") return;
    this.#bytes += bytes;
    const isFull =
      this.#items.length - this.#head >= this.#limits.maxBufferedItems ||
      this.#bytes >= this.#limits.maxBufferedBytes;
    if (isFull && this.#head < this.#items.length && !this.#isPaused) {
      this.#isPaused = true;
      this.#control?.pause();
    }
    this.#kick();
  }

  /** Ends the stream, once what it holds was taken. */
  end(error?: ConnectError): void {
    if (this.#outcome !== "open") return;
    this.#settle(error ?? "ok");
  }

  /** Ends the stream at once: what it holds is dropped, and the server is told. */
  abort(error: ConnectError): void {
    if (this.#outcome === "closed" || (this.#outcome !== "open" && this.isDone)) return;
    this.#drop(error);
  }

  /** Whether nothing more can come. */
  get isEnded(): boolean {
    return this.#outcome !== "open";
  }

  get isDone(): boolean {
    return (this.#outcome === "ok" || this.#outcome === "closed") && this.#head === this.#items.length;
  }

  take(): StreamItem | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) {
      if (this.#outcome instanceof ConnectError) throw this.#outcome;
      return undefined;
    }
    this.#head += 1;
    if (this.#head === this.#items.length) this.#drained();
    return item;
  }

  wait(): Promise<void> {
    if (this.#head < this.#items.length || this.#outcome !== "open") return Promise.resolve();
    this.#waiting ??= new Promise((resolve) => {
      this.#wake = resolve;
    });
    return this.#waiting;
  }

  close(): void {
    this.#drop("closed");
  }

  next(): Promise<IteratorResult<StreamItem, undefined>> {
    try {
      const value = this.take();
      if (value !== undefined) return Promise.resolve({ done: false, value });
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.isDone) return Promise.resolve({ done: true, value: undefined });
    return this.wait().then(() => this.next());
  }

  return(): Promise<IteratorResult<StreamItem, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #drop(outcome: "closed" | ConnectError): void {
    const wasOpen = this.#outcome === "open";
    this.#items = [];
    this.#head = 0;
    if (wasOpen) this.#control?.close();
    this.#settle(outcome);
  }

  #settle(outcome: "ok" | "closed" | ConnectError): void {
    this.#outcome = outcome;
    const { onEnd } = this;
    this.onEnd = undefined;
    onEnd?.();
    this.#kick();
  }

  #drained(): void {
    this.#items = [];
    this.#head = 0;
    this.#bytes = 0;
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#control?.resume();
  }

  #kick(): void {
    const wake = this.#wake;
    this.#wake = this.#waiting = undefined;
    wake?.();
  }
}

/** The error of a call whose caller gave up. */
export function abortedError(signal: AbortSignal): ConnectError {
  const { reason } = signal;
  if (reason instanceof ConnectError) return reason;
  const isTimeout = reason instanceof DOMException && reason.name === "TimeoutError";
  const code = isTimeout ? Code.DeadlineExceeded : Code.Canceled;
  return new ConnectError(
    isTimeout ? "the deadline passed" : "the call was aborted",
    code,
    undefined,
    undefined,
    reason,
  );
}
