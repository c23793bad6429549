import { type Created, creationClock, EngineError, limitReached, quote } from "@dragoman/engine";
import type { CatalogEntry } from "@dragoman/event-log";
import { asking, type BatchContext } from "./context.ts";
import {
  type BatchInfo,
  type BatchOptions,
  batchEntry,
  type ItemInfo,
  inputEntry,
  itemEntry,
} from "./entries.ts";
import { type BatchItem, derivedRunId, derivedThreadId } from "./item-ids.ts";
import { mapInTurns } from "./map-in-turns.ts";

/** A batch to make. The inputs of its items are valid but for ids that may be empty. */
export interface NewBatch {
  readonly namespace: string;
  readonly batchId: string;
  readonly items: readonly BatchItem[];
  readonly options: BatchOptions;
}

/** A batch that was made. */
export interface MadeBatch {
  readonly batch: BatchInfo;
  readonly items: readonly ItemInfo[];
}

/** Makes batches: whole, or not at all. */
export class BatchMaker {
  readonly #context: BatchContext;
  readonly #created: () => Created;

  constructor(context: BatchContext) {
    this.#context = context;
    this.#created = creationClock(context.now);
  }

  /**
   * Makes a batch with all its items in one change of the catalog, so that a crash leaves all of it or nothing.
   *
   * @param fingerprint of its items, as `batchFingerprint` gives it
   * @param active what the batches have that have not ended
   */
  async make(
    { namespace, batchId, items, options }: NewBatch,
    fingerprint: string,
    active: { readonly batchCount: number; readonly itemCount: number },
  ): Promise<MadeBatch> {
    this.#checkCounts(items.length, active);
    const batch: BatchInfo = {
      namespace,
      batchId,
      ...this.#created(),
      state: "running",
      options,
      fingerprint,
      itemCount: items.length,
      counts: { succeeded: 0, failed: 0, canceled: 0, interrupted: 0 },
    };
    const infos = items.map((item, index) => this.#itemInfo(batchId, item, index));
    const inputs = await mapInTurns(items, ({ input }, index) => inputEntry(batch, index, input));
    this.#checkBytes(inputs);
    const states = await mapInTurns(infos, (item) => itemEntry(batch, item));
    const entries = [batchEntry(batch), ...states, ...inputs];
    await asking(this.#context.catalog.put(entries.map((put) => ({ put }))));
    return { batch, items: infos };
  }

  #itemInfo(batchId: string, { agentId, input }: BatchItem, index: number): ItemInfo {
    const agent = this.#context.agents.find(agentId);
    if (!agent) {
      const message = `there is no agent ${quote(agentId)}, which item ${index} names`;
      throw new EngineError("AGENT_NOT_FOUND", message, {
        agent_id: agentId,
        path: `/items/${index}/agent_id`,
      });
    }
    return {
      index,
      agentId: agent.agentId,
      threadId: input.threadId || derivedThreadId(batchId, index),
      firstRunId: input.runId || derivedRunId(batchId, index, 1),
      state: "pending",
      attemptCount: 0,
    };
  }

  #checkCounts(count: number, active: { readonly batchCount: number; readonly itemCount: number }): void {
    const { batchItemsMax, batchesActiveMax, batchItemsActiveMax } = this.#context.limits;
    if (count > batchItemsMax) {
      throw limitReached("batchItemsMax", batchItemsMax, `a batch of ${count} items has too many`);
    }
    if (active.batchCount >= batchesActiveMax) {
      throw limitReached("batchesActiveMax", batchesActiveMax, "too many batches have not ended");
    }
    if (active.itemCount + count > batchItemsActiveMax) {
      throw limitReached(
        "batchItemsActiveMax",
        batchItemsActiveMax,
        "too many items of batches have not ended",
      );
    }
  }

  #checkBytes(inputs: readonly CatalogEntry[]): void {
    const { batchItemMaxBytes, batchItemsMaxBytes } = this.#context.limits;
    const large = inputs.findIndex(({ value }) => value.length > batchItemMaxBytes);
    if (large >= 0) throw limitReached("batchItemMaxBytes", batchItemMaxBytes, `item ${large} is too large`);
    const bytes = inputs.reduce((sum, { value }) => sum + value.length, 0);
    if (bytes > batchItemsMaxBytes) {
      throw limitReached("batchItemsMaxBytes", batchItemsMaxBytes, "the items are too large together");
    }
  }
}
