import type { EventBatch } from "@dragoman/agui";
import type { Engine } from "@dragoman/engine";
import { shuttingDown } from "./context.ts";
import { type BatchInfo, type ItemInfo, isEnded } from "./entries.ts";
import type { ItemFeed } from "./feed.ts";
import { ItemEventReader } from "./item-events.ts";
import { Latch } from "./latch.ts";

/** What a reader of a batch is given. */
export type BatchStreamItem =
  | { readonly type: "batch"; readonly batch: BatchInfo }
  | { readonly type: "item"; readonly item: ItemInfo }
  | { readonly type: "events"; readonly index: number; readonly events: EventBatch }
  | { readonly type: "idle" };

export interface BatchStreamOptions {
  readonly engine: Engine;
  /** Whether the events of items are wanted too. */
  readonly withEvents: boolean;
  /** How many items' events are interleaved at most. */
  readonly streamedItemsMax: number;
  /** How long a silence may last before `idle`. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

/**
 * Reads a batch: the batch, its items as they change, and last the batch as it ended. With events, those of an
 * item come before the item as it ended. A reader holds cursors: while it is not asked it reads nothing more.
 */
export async function* streamBatch(
  feed: ItemFeed,
  options: BatchStreamOptions,
): AsyncGenerator<BatchStreamItem> {
  const { signal, idleMs } = options;
  const latch = new Latch();
  const reader = new BatchReader(feed, options, latch.set);
  const unsubscribe = feed.subscribe(latch.set);
  signal.addEventListener("abort", latch.set);
  try {
    yield { type: "batch", batch: feed.batch };
    for (;;) {
      signal.throwIfAborted();
      yield* reader.round();
      if (!reader.isQuiet) continue;
      if (reader.isOver) break;
      if (feed.isSuspended) throw shuttingDown();
      if (!(await latch.wait(idleMs))) yield { type: "idle" };
    }
    yield { type: "batch", batch: feed.batch };
  } finally {
    signal.removeEventListener("abort", latch.set);
    unsubscribe();
    reader.close();
  }
}

class BatchReader {
  readonly #feed: ItemFeed;
  readonly #options: BatchStreamOptions;
  readonly #onReady: () => void;
  readonly #readers = new Map<number, ItemEventReader>();
  /** Items that were given as they ended. */
  readonly #done: Uint8Array;
  #isQuiet = false;

  constructor(feed: ItemFeed, options: BatchStreamOptions, onReady: () => void) {
    this.#feed = feed;
    this.#options = options;
    this.#onReady = onReady;
    this.#done = new Uint8Array(feed.batch.itemCount);
  }

  /** Whether the last round found nothing. */
  get isQuiet(): boolean {
    return this.#isQuiet;
  }

  get isOver(): boolean {
    return this.#feed.isOver && this.#readers.size === 0;
  }

  close(): void {
    for (const reader of this.#readers.values()) reader.close();
    this.#readers.clear();
  }

  /** One thing of everything that has something. */
  async *round(): AsyncGenerator<BatchStreamItem> {
    this.#isQuiet = true;
    for (const [index, reader] of [...this.#readers]) {
      const step = await reader.step();
      if (!step) continue;
      this.#isQuiet = false;
      if ("events" in step) yield { type: "events", index, events: step.events };
      else yield* this.#give(step.item);
    }
    if (this.#readers.size >= this.#options.streamedItemsMax) return;
    const item = await this.#feed.next();
    if (!item) return;
    this.#isQuiet = false;
    yield* this.#take(item);
  }

  /** An item that changed. Where its events are read, its reader tells the change in its place among them. */
  *#take(item: ItemInfo): Generator<BatchStreamItem> {
    const { index } = item;
    if (this.#done[index] || this.#readers.has(index)) return;
    if (!this.#options.withEvents || item.attemptCount === 0) {
      yield* this.#give(item);
      return;
    }
    const { engine, signal } = this.#options;
    const reader = new ItemEventReader({ engine, feed: this.#feed, index, signal, onReady: this.#onReady });
    this.#readers.set(index, reader);
    if (!isEnded(item)) yield { type: "item", item };
  }

  *#give(item: ItemInfo): Generator<BatchStreamItem> {
    if (isEnded(item)) {
      this.#done[item.index] = 1;
      this.#readers.get(item.index)?.close();
      this.#readers.delete(item.index);
    }
    yield { type: "item", item };
  }
}
