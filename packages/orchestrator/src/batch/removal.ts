import type { CatalogChange } from "@dragoman/event-log";
import type { BatchContext } from "./context.ts";
import { type BatchInfo, batchKey, itemPlace, kinds, readBatch } from "./entries.ts";

/** How long ended batches are not looked at again, unless their retention is shorter. */
const sweepIntervalMs = 60_000;
/** What a timer of Node can wait at most. */
const longestTimerMs = 2_147_483_647;
const pageLength = 1_000;
const endedStates = ["completed", "stopped", "canceled", "timed_out"];

/** Removes ended batches when their retention is over, each whole. The runs and sessions of their items stay. */
export class BatchRemoval {
  readonly #context: BatchContext;
  readonly #retentionMs: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sweepTime = Number.POSITIVE_INFINITY;
  #lastSweepTime = Number.NEGATIVE_INFINITY;
  #sweeping: Promise<void> | undefined;

  /** @param retentionMs undefined for ever */
  constructor(context: BatchContext, retentionMs: number | undefined) {
    if (retentionMs !== undefined && !(Number.isSafeInteger(retentionMs) && retentionMs >= 0))
      throw new RangeError(`retentionMs must be a whole number of at least 0, not ${retentionMs}`);
    this.#context = context;
    this.#retentionMs = retentionMs;
    context.closing.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** Removes what is due already, and looks after the rest. */
  start(): void {
    if (this.#retentionMs !== undefined) this.#schedule(this.#context.now());
  }

  /** A batch ended: its retention begins. */
  onEnded({ endTime }: BatchInfo): void {
    if (this.#retentionMs !== undefined && endTime !== undefined) this.#schedule(endTime + this.#retentionMs);
  }

  /** Resolves when nothing is being removed. */
  async idle(): Promise<void> {
    await this.#sweeping;
  }

  /** Looks at ended batches at a time, unless that happens before, but not all the time. */
  #schedule(time: number): void {
    const { now, closing } = this.#context;
    const earliest = this.#lastSweepTime + Math.min(sweepIntervalMs, this.#retentionMs ?? 0);
    this.#sweepTime = Math.min(this.#sweepTime, Math.max(time, earliest));
    if (closing.aborted || this.#sweeping) return;
    clearTimeout(this.#timer);
    const delayMs = Math.min(Math.max(0, this.#sweepTime - now()), longestTimerMs);
    this.#timer = setTimeout(() => this.#begin(), delayMs);
    this.#timer.unref();
  }

  #begin(): void {
    this.#lastSweepTime = this.#context.now();
    this.#sweepTime = Number.POSITIVE_INFINITY;
    this.#sweeping = this.#sweep()
      .catch((error: unknown) => {
        if (this.#context.closing.aborted) return Number.POSITIVE_INFINITY;
        this.#context.onError(error);
        return this.#context.now() + sweepIntervalMs;
      })
      .then((next) => {
        this.#sweeping = undefined;
        const time = Math.min(next, this.#sweepTime);
        if (Number.isFinite(time)) this.#schedule(time);
      });
  }

  /** Removes what is due; returns when the next batch is. */
  async #sweep(): Promise<number> {
    const { catalog, now, closing } = this.#context;
    const query = { kind: kinds.batch, states: endedStates, limit: pageLength };
    let next = Number.POSITIVE_INFINITY;
    // A page may be short because its entries are large: only an empty one is the end.
    for (let page = await catalog.list(query); page.length > 0; ) {
      for (const entry of page) {
        if (closing.aborted) return Number.POSITIVE_INFINITY;
        const batch = readBatch(entry);
        const time = (batch.endTime ?? batch.createTime) + (this.#retentionMs ?? 0);
        if (time > now()) next = Math.min(next, time);
        else await catalog.put(removalOf(batch));
      }
      const last = page[page.length - 1];
      page = last ? await catalog.list({ ...query, after: last }) : [];
    }
    return next;
  }
}

/** All of an ended batch at once, as it was made: the inputs of its items are gone already. */
function removalOf({ namespace, batchId, itemCount }: BatchInfo): CatalogChange[] {
  const items = Array.from({ length: itemCount }, (_, index) => {
    const { parent, id } = itemPlace(namespace, batchId, index);
    return { remove: { namespace, kind: kinds.item, parent, id } };
  });
  return [{ remove: batchKey(namespace, batchId) }, ...items];
}
