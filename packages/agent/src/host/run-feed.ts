import { type AguiEvent, EventBatch, FrameEncoder } from "@dragoman/agui";

/** From so many bytes on, events are handed over without waiting for the ones that may follow at once. */
const flushBytes = 16 << 10;

/** What the reader of a feed gets next. */
export type FeedItem =
  | { readonly batch: EventBatch }
  /** The agent took the input of this request. */
  | { readonly taken: number }
  | "heartbeat"
  | "end";

/** How a feed behaves. */
export interface RunFeedOptions {
  /** How much may wait to be read before the agent is held back, in bytes. One event may go beyond it. */
  readonly maxPendingBytes: number;
  /** After so long without an event the reader gets a heartbeat, or up to half as long again, in milliseconds. */
  readonly heartbeatMs: number;
}

/**
 * Carries the events of one run from its agent to its only reader, numbered from 1 and encoded once. What is
 * emitted in one turn of the event loop is handed over as one batch.
 */
export class RunFeed {
  readonly #maxPendingBytes: number;
  readonly #frames = new FrameEncoder();
  readonly #timer: NodeJS.Timeout;
  /** Requests whose inputs were taken, to be told. */
  readonly #taken: number[] = [];
  #sequence = 0;
  /** Half intervals since the last item. */
  #quietTicks = 0;
  #outcome: "open" | "ended" | { readonly error: unknown } = "open";
  #wake: (() => void) | undefined;
  #release: (() => void) | undefined;
  #held: Promise<void> | undefined;

  constructor({ maxPendingBytes, heartbeatMs }: RunFeedOptions) {
    this.#maxPendingBytes = maxPendingBytes;
    this.#timer = setInterval(() => {
      this.#quietTicks += 1;
      if (this.#quietTicks >= 2) this.#kick();
    }, heartbeatMs / 2);
    this.#timer.unref();
  }

  /** The sequence of the last event. */
  get lastSequence(): number {
    return this.#sequence;
  }

  /** Adds an event. */
  append(event: AguiEvent, bytes: Uint8Array | undefined): void {
    if (this.#outcome !== "open") return;
    if (bytes === undefined) this.#frames.append(this.#sequence + 1, event);
    else this.#frames.appendEncoded(this.#sequence + 1, bytes);
    this.#sequence += 1;
    this.#kick();
  }

  /** Adds that the agent took the input of a request. */
  taken(requestNumber: number): void {
    if (this.#outcome !== "open") return;
    this.#taken.push(requestNumber);
    this.#kick();
  }

  /** Ends the feed once what it holds was read; with an error, at once. */
  end(failure?: { readonly error: unknown }): void {
    if (this.#outcome !== "open") return;
    this.#outcome = failure ?? "ended";
    clearInterval(this.#timer);
    this.#kick();
    this.#letGo();
  }

  /** A promise while too much waits to be read. */
  backpressure(): Promise<void> | undefined {
    if (this.#outcome !== "open" || this.#frames.pendingBytes < this.#maxPendingBytes) return undefined;
    this.#held ??= new Promise((resolve) => {
      this.#release = resolve;
    });
    return this.#held;
  }

  /** What comes next, when it is there. Rejects with what the feed was ended with. */
  async next(): Promise<FeedItem> {
    for (;;) {
      if (typeof this.#outcome === "object") throw this.#outcome.error;
      const taken = this.#taken.shift();
      if (taken !== undefined) return { taken };
      const { pendingBytes } = this.#frames;
      if (pendingBytes > 0) {
        if (pendingBytes < flushBytes && this.#outcome === "open") await nextTurn();
        return this.#take();
      }
      if (this.#outcome === "ended") return "end";
      if (this.#quietTicks >= 2) {
        this.#quietTicks = 0;
        return "heartbeat";
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(): FeedItem {
    this.#quietTicks = 0;
    const batch = new EventBatch("", this.#frames.take());
    this.#letGo();
    return { batch };
  }

  #kick(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #letGo(): void {
    const release = this.#release;
    this.#release = this.#held = undefined;
    release?.();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
