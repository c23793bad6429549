import { type BatchContext, keep } from "./context.ts";
import {
  type BatchInfo,
  batchEntry,
  countItems,
  endedItemChanges,
  type ItemInfo,
  isEnded,
  type StopReason,
} from "./entries.ts";
import { fitItem } from "./fit-item.ts";
import { Journal } from "./journal.ts";
import { type ItemHost, runItem } from "./run-item.ts";
import { Schedule } from "./schedule.ts";

const whyNeverBegun: Readonly<
  Record<StopReason, { readonly errorCode: string; readonly errorMessage: string }>
> = {
  stopped: {
    errorCode: "BATCH_STOPPED",
    errorMessage: "It never began: the batch stopped at the first failure.",
  },
  canceled: { errorCode: "BATCH_CANCELED", errorMessage: "It never began: the batch was cancelled." },
  timed_out: {
    errorCode: "BATCH_TIMED_OUT",
    errorMessage: "It never began: the time of the batch was over.",
  },
};

/** A batch that has not ended: begins its items in their order, and keeps what becomes of them. */
export class Batch {
  /** The order in which its items changed. */
  readonly journal = new Journal();
  /** Resolves when it has ended, or when its server stops. */
  readonly settled: Promise<void>;
  readonly #context: BatchContext;
  readonly #items: ItemInfo[];
  readonly #schedule: Schedule;
  readonly #stopper = new AbortController();
  #info: BatchInfo;
  /** Items that are worked on. */
  readonly #active = new Set<number>();
  #stopping: Promise<void> | undefined;
  #isEnding = false;
  #isSuspended = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #settle: () => void = () => {};

  /** @param items all of them, in their order */
  constructor(context: BatchContext, info: BatchInfo, items: readonly ItemInfo[]) {
    this.#context = context;
    this.#items = items.map(withoutContent);
    this.#info = { ...info, counts: countItems(items) };
    this.#schedule = new Schedule(items.filter((item) => !isEnded(item)));
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
    for (const item of items) if (item.state !== "pending") this.journal.push(item.index);
  }

  /** The batch as it is now. */
  get info(): BatchInfo {
    return this.#info;
  }

  /** Whether its server stopped before it ended. */
  get isSuspended(): boolean {
    return this.#isSuspended;
  }

  /** An item as it is now, without its content. */
  item(index: number): ItemInfo {
    const item = this.#items[index];
    if (!item) throw new RangeError(`there is no item ${index}`);
    return item;
  }

  /** Begins it, or goes on with it. */
  start(): void {
    const { closing, now } = this.#context;
    const { options, createTime, counts, stopping } = this.#info;
    closing.addEventListener("abort", this.#onClosing);
    if (stopping) {
      this.#halt();
      return;
    }
    const leftMs = options.timeoutMs === undefined ? undefined : createTime + options.timeoutMs - now();
    if (leftMs !== undefined && leftMs <= 0) this.#stopUnasked("timed_out");
    else if (options.stopOnFailure && counts.failed > 0) this.#stopUnasked("stopped");
    else if (leftMs !== undefined) this.#timer = setTimeout(() => this.#stopUnasked("timed_out"), leftMs);
    this.#next();
  }

  /** Ends it: items that run are cancelled, others never begin. Resolves when the intent is durable. */
  stop(reason: StopReason): Promise<void> {
    if (this.#isEnding) return this.settled;
    if (this.#info.stopping !== undefined) return this.#stopping ?? Promise.resolve();
    // From here on nothing begins.
    this.#info = { ...this.#info, stopping: reason };
    this.#stopping = keep(this.#context, [{ put: batchEntry(this.#info) }]).then(() => this.#halt());
    return this.#stopping;
  }

  /** The intent to end it is durable: what runs is cancelled, also what ran when its server was gone. */
  #halt(): void {
    if (this.#isSuspended) return; // the next server does it
    this.#stopper.abort();
    for (const { index, state } of this.#items) {
      if (state === "running" && !this.#active.has(index)) this.#begin(index);
    }
    this.#next();
  }

  readonly #onClosing = () => this.#next();

  /** Stops it where nobody waits for that; a server that stops does it when it is back. */
  #stopUnasked(reason: StopReason): void {
    this.stop(reason).catch(() => this.#suspend());
  }

  /** Begins what may begin; ends the batch when nothing is left to do. */
  #next(): void {
    if (this.#isEnding || this.#isSuspended) return;
    const { parallelism } = this.#info.options;
    while (this.#mayBegin && this.#active.size < parallelism) {
      const index = this.#schedule.take();
      if (index === undefined) break;
      this.#begin(index);
    }
    if (this.#active.size > 0) return;
    if (this.#stopper.signal.aborted || this.#items.every(isEnded)) {
      this.#isEnding = true;
      this.#end().catch(() => this.#suspend());
    } else if (this.#context.closing.aborted) this.#suspend();
  }

  get #mayBegin(): boolean {
    return this.#info.stopping === undefined && !this.#context.closing.aborted;
  }

  #begin(index: number): void {
    this.#active.add(index);
    this.#runItem(index).then(
      () => {
        this.#active.delete(index);
        this.#schedule.release(this.item(index).threadId);
        this.#next();
      },
      () => {
        this.#active.delete(index);
        this.#suspend();
      },
    );
  }

  async #runItem(index: number): Promise<void> {
    const host: ItemHost = {
      context: this.#context,
      batch: this.#info,
      stop: this.#stopper.signal,
      publish: (item) => this.#publish(item),
    };
    let ended = fitItem(await runItem(host, this.item(index)));
    const { stopping } = this.#info;
    if (ended.state === "canceled" && ended.attemptCount === 0 && stopping)
      ended = { ...ended, ...whyNeverBegun[stopping] };
    await keep(this.#context, endedItemChanges(this.#info, ended));
    this.#publish(ended);
    if (ended.state === "failed" && this.#info.options.stopOnFailure) this.#stopUnasked("stopped");
  }

  /** Shows readers an item: what it says is durable. */
  #publish(item: ItemInfo): void {
    this.#items[item.index] = withoutContent(item);
    if (isEnded(item)) {
      const { counts } = this.#info;
      const state = item.state as keyof typeof counts;
      this.#info = { ...this.#info, counts: { ...counts, [state]: counts[state] + 1 } };
    }
    this.journal.push(item.index);
  }

  async #end(): Promise<void> {
    await this.#stopping;
    const { stopping } = this.#info;
    const never = this.#items
      .filter((item) => !isEnded(item))
      .map((item): ItemInfo => ({ ...item, state: "canceled", ...whyNeverBegun[stopping ?? "stopped"] }));
    const canceled = this.#info.counts.canceled + never.length;
    const info: BatchInfo = {
      ...this.#info,
      state: stopping ?? "completed",
      counts: { ...this.#info.counts, canceled },
      endTime: this.#context.now(),
    };
    const changes = never.flatMap((item) => endedItemChanges(info, item));
    await keep(this.#context, [...changes, { put: batchEntry(info) }]);
    for (const item of never) this.#publish(item);
    this.#info = info;
    this.#release();
  }

  #suspend(): void {
    if (this.#active.size > 0) return;
    this.#isSuspended = true;
    this.#release();
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#context.closing.removeEventListener("abort", this.#onClosing);
    this.journal.wake();
    this.#settle();
  }
}

/** Contents stay in the catalog. */
function withoutContent({ content: _content, ...item }: ItemInfo): ItemInfo {
  return item;
}
