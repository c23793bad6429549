import { EngineError, type RunInfo, runErrorCodes } from "@dragoman/engine";
import { createFinalText, type FinalText } from "../final-text.ts";
import { type BatchContext, keep, SuspendedError } from "./context.ts";
import { type BatchInfo, type ItemInfo, itemEntry } from "./entries.ts";
import { runIdOf } from "./item-ids.ts";
import { endedRun, findRun, followRun, getRun, isShutdown, patiently, startRun } from "./item-runs.ts";

/** The codes of items that fail or end without a run that says why. */
export const itemErrorCodes = {
  /** Its time was over. */
  timedOut: "ITEM_TIMED_OUT",
  /** It could not begin, and the server does not know why. */
  internal: "INTERNAL",
} as const;

/** What an item needs of its batch. */
export interface ItemHost {
  readonly context: BatchContext;
  readonly batch: BatchInfo;
  /** Aborts when the batch is to stop. */
  readonly stop: AbortSignal;
  /** Shows readers an item that runs. */
  readonly publish: (item: ItemInfo) => void;
}

const lostCodes: readonly string[] = [runErrorCodes.nodeLost, runErrorCodes.shutdown];

/**
 * Runs an item to its end, and returns it as it ended; nothing of that is durable yet.
 *
 * An attempt is durable before its run is started under the key that derives from it: whoever goes on after a
 * crash joins that run, and begins another one only if it was lost with its server. Rejects with a
 * SuspendedError where the server stops before the item has ended.
 */
export async function runItem(host: ItemHost, item: ItemInfo): Promise<ItemInfo> {
  const runner = new ItemRunner(host, item);
  try {
    return await runner.run();
  } catch (error) {
    if (error instanceof SuspendedError || isShutdown(error) || host.context.closed.aborted)
      throw new SuspendedError();
    if (error instanceof EngineError) return runner.failed(error.reason, error.message);
    host.context.onError(error);
    return runner.failed(itemErrorCodes.internal, "The server failed to run the item.");
  }
}

class ItemRunner {
  readonly #host: ItemHost;
  #item: ItemInfo;
  /** Aborts when the item is to end early: its batch stops, or its time is over. */
  readonly #halt = new AbortController();
  readonly #onStop = () => this.#halt.abort();

  constructor(host: ItemHost, item: ItemInfo) {
    this.#host = host;
    this.#item = item;
  }

  async run(): Promise<ItemInfo> {
    const { context, stop } = this.#host;
    stop.addEventListener("abort", this.#onStop);
    if (stop.aborted) this.#onStop();
    await this.#begin(Math.max(1, this.#item.attemptCount));
    const timer = this.#armTimer();
    try {
      for (;;) {
        const text = createFinalText({ maxLength: context.limits.resultContentMax });
        const run = await this.#attempt(text);
        if (!run) return this.#neverBegun();
        if (!this.#isToRepeat(run)) return this.#verdict(run, text);
        if (context.closing.aborted) throw new SuspendedError();
        await this.#begin(this.#item.attemptCount + 1);
      }
    } finally {
      clearTimeout(timer);
      stop.removeEventListener("abort", this.#onStop);
    }
  }

  /** The item as it is where it cannot go on. */
  failed(errorCode: string, errorMessage: string): ItemInfo {
    const { timedOut: _timedOut, ...item } = this.#item;
    const attemptCount = item.run ? item.attemptCount : Math.max(0, item.attemptCount - 1);
    return { ...item, attemptCount, state: "failed", errorCode, errorMessage };
  }

  /** Makes an attempt durable. */
  async #begin(attemptCount: number): Promise<void> {
    const { context } = this.#host;
    const { run: _run, ...item } = this.#item;
    const beginTime = item.beginTime ?? context.now();
    this.#item = { ...item, state: "running", attemptCount, beginTime };
    await this.#keep();
  }

  #keep(): Promise<void> {
    return keep(this.#host.context, [{ put: itemEntry(this.#host.batch, this.#item) }]);
  }

  #armTimer(): ReturnType<typeof setTimeout> | undefined {
    const { context, batch } = this.#host;
    const { itemTimeoutMs } = batch.options;
    const { beginTime = 0, timedOut } = this.#item;
    if (itemTimeoutMs === undefined) return undefined;
    const leftMs = timedOut ? 0 : Math.max(0, beginTime + itemTimeoutMs - context.now());
    if (leftMs === 0) this.#halt.abort();
    return setTimeout(() => this.#halt.abort(), leftMs);
  }

  /** Starts the run of the current attempt, or finds it, and follows it to its end; undefined if there is none. */
  async #attempt(text: FinalText): Promise<RunInfo | undefined> {
    const { context, publish } = this.#host;
    const runId = runIdOf(this.#host.batch.batchId, this.#item, this.#item.attemptCount);
    const leave = new AbortController();
    const onClosed = () => leave.abort();
    context.closed.addEventListener("abort", onClosed);
    let cancelling: Promise<void> | undefined;
    const onHalt = () => {
      cancelling = this.#cancel(runId, leave).catch(() => leave.abort());
    };
    const { signal: halt } = this.#halt;
    try {
      const open = halt.aborted ? findRun : startRun;
      const attachment = await open(this.#host, this.#item, runId, leave.signal, halt);
      if (!attachment) return undefined;
      this.#item = { ...this.#item, run: await getRun(this.#host, this.#item, runId) };
      publish(this.#item);
      halt.addEventListener("abort", onHalt);
      if (halt.aborted) onHalt();
      await followRun(this.#host, this.#item, runId, attachment, text, leave.signal);
      return await endedRun(this.#host, this.#item, runId, leave.signal);
    } finally {
      halt.removeEventListener("abort", onHalt);
      // What it keeps of the item must not come after what is kept of its end.
      await cancelling;
      context.closed.removeEventListener("abort", onClosed);
    }
  }

  /** Ends the run of an item that is to end early; the reason is durable before. */
  async #cancel(runId: string, leave: AbortController): Promise<void> {
    const { context, batch, stop } = this.#host;
    const key = { namespace: batch.namespace, id: this.#item.threadId };
    const info = await patiently(context, async () => {
      const { state } = await context.engine.getRun(key, runId);
      if (state !== "running" && state !== "queued") return undefined;
      if (!stop.aborted && !this.#item.timedOut) {
        this.#item = { ...this.#item, timedOut: true };
        await this.#keep();
      }
      return context.engine.cancelRun(key, runId);
    });
    // Behind a run of somebody else it would end when that one does.
    if (info?.state === "queued") leave.abort();
  }

  #isToRepeat(run: RunInfo): boolean {
    if (run.state !== "failed" || !lostCodes.includes(run.errorCode ?? "")) return false;
    return !this.#halt.signal.aborted && this.#item.attemptCount < this.#host.context.limits.itemAttemptsMax;
  }

  #verdict(run: RunInfo, text: FinalText): ItemInfo {
    const { stop } = this.#host;
    const { timedOut, ...rest } = this.#item;
    const item = { ...rest, run, content: text.text, isContentCut: text.isCut };
    switch (run.state) {
      case "succeeded":
      case "interrupted":
        return { ...item, state: run.state };
      case "canceled":
      case "queued":
        return timedOut ? this.#timedOut(item) : { ...item, state: "canceled" };
      case "running":
        throw new SuspendedError();
      case "failed":
        if (lostCodes.includes(run.errorCode ?? "") && this.#halt.signal.aborted)
          return stop.aborted ? { ...item, state: "canceled" } : this.#timedOut(item);
        return {
          ...item,
          state: "failed",
          errorCode: run.errorCode ?? "",
          errorMessage: run.errorMessage ?? "",
        };
    }
  }

  /** The attempt was recorded, and then nothing of it happened. */
  #neverBegun(): ItemInfo {
    const { timedOut: _timedOut, ...item } = this.#item;
    const attemptCount = item.attemptCount - 1;
    if (!this.#host.stop.aborted) return this.#timedOut({ ...item, attemptCount });
    return { ...item, attemptCount, state: "canceled" };
  }

  #timedOut(item: ItemInfo): ItemInfo {
    const errorMessage = `The item took longer than ${this.#host.batch.options.itemTimeoutMs} ms (item_timeout).`;
    return { ...item, state: "failed", errorCode: itemErrorCodes.timedOut, errorMessage };
  }
}
