import type { EventBatch } from "@dragoman/agui";
import type { Attachment, Engine, ReadResult } from "@dragoman/engine";
import { type ItemInfo, isEnded } from "./entries.ts";
import type { ItemFeed } from "./feed.ts";
import { runIdOf } from "./item-ids.ts";
import { isAbsent, isPassing } from "./item-runs.ts";

/** What a step of reading gave. */
export type ItemStep =
  | { readonly events: EventBatch }
  /** The item was begun again, or has ended: all events before are read. */
  | { readonly item: ItemInfo };

interface ReaderOptions {
  readonly engine: Engine;
  readonly feed: ItemFeed;
  readonly index: number;
  readonly signal: AbortSignal;
  readonly onReady: () => void;
}

const idleMs = 60_000;

/** Reads the events of one item, over all its attempts, and then the item as it ended. Close it when done. */
export class ItemEventReader {
  readonly #options: ReaderOptions;
  #attempt = 1;
  #attachment: Attachment | undefined;
  #isAttemptRead = false;
  #isReading = false;
  #result: ReadResult | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** What can be had now; undefined if nothing. */
  async step(): Promise<ItemStep | undefined> {
    if (this.#failure) throw this.#failure.error;
    if (this.#isAttemptRead) return this.#goOn();
    if (!this.#attachment && !(await this.#open())) return this.#isAttemptRead ? this.#goOn() : undefined;
    const result = this.#result;
    this.#result = undefined;
    if (result === "end") {
      this.close();
      this.#isAttemptRead = true;
      return this.#goOn();
    }
    if (!this.#isReading) this.#read();
    return result === undefined || result === "idle" ? undefined : { events: result.batch };
  }

  close(): void {
    this.#attachment?.close();
    this.#attachment = undefined;
  }

  /** Every event of an attempt is read: what comes after it. */
  async #goOn(): Promise<ItemStep | undefined> {
    const { feed, index } = this.#options;
    const item = feed.peek(index);
    if (item.attemptCount > this.#attempt) {
      this.#attempt++;
      this.#isAttemptRead = false;
      return { item };
    }
    return isEnded(item) ? { item: await feed.read(index) } : undefined;
  }

  /** Attaches to the run of the attempt, if it can be. */
  async #open(): Promise<boolean> {
    const { engine, feed, index, signal } = this.#options;
    const { namespace, batchId } = feed.batch;
    const item = feed.peek(index);
    const key = { namespace, id: item.threadId };
    try {
      const runId = runIdOf(batchId, item, this.#attempt);
      this.#attachment = await engine.observeRun(key, runId, { idleMs, signal });
      return true;
    } catch (error) {
      if (!isAbsent(error) && !isPassing(error)) throw error;
      // A run that is not there yet will be, unless there is a later one or none at all.
      this.#isAttemptRead = item.attemptCount > this.#attempt || isEnded(item);
      return false;
    }
  }

  #read(): void {
    const { onReady } = this.#options;
    this.#isReading = true;
    const settle = () => {
      this.#isReading = false;
      onReady();
    };
    this.#attachment?.next().then(
      (result) => {
        this.#result = result;
        settle();
      },
      (error: unknown) => {
        this.#failure = { error };
        settle();
      },
    );
  }
}
