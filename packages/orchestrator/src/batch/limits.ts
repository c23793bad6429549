/** Limits of batches. Every one has a default; a reached one is an error that names it. */
export interface BatchLimits {
  /** Items that one batch may have. Default 10,000. */
  readonly batchItemsMax: number;
  /** Bytes of one item as it is kept. Default 4 MiB less 64 KiB. */
  readonly batchItemMaxBytes: number;
  /** Bytes of all items of one batch as they are kept. Default 64 MiB. */
  readonly batchItemsMaxBytes: number;
  /** Batches that have not ended. Default 1,000. */
  readonly batchesActiveMax: number;
  /** Items of all batches that have not ended. Default 200,000. */
  readonly batchItemsActiveMax: number;
  /** How often an item is begun at most: again after each time that its server ended meanwhile. Default 3. */
  readonly itemAttemptsMax: number;
  /** How long the content of a result may be, in UTF-16 code units; the rest is cut. Default 1 Mi. */
  readonly resultContentMax: number;
  /** How long an item is tried to begin while the server cannot take its run, in milliseconds. Default 60,000. */
  readonly itemStartTimeoutMs: number;
  /** Items whose events one stream interleaves; those of others follow when one has ended. Default 64. */
  readonly streamedItemsMax: number;
}

const defaults: BatchLimits = {
  batchItemsMax: 10_000,
  batchItemMaxBytes: 4 * 1024 * 1024 - 64 * 1024,
  batchItemsMaxBytes: 64 * 1024 * 1024,
  batchesActiveMax: 1_000,
  batchItemsActiveMax: 200_000,
  itemAttemptsMax: 3,
  resultContentMax: 1024 * 1024,
  itemStartTimeoutMs: 60_000,
  streamedItemsMax: 64,
};

/** How many items run at once where a batch does not say. */
export const parallelismDefault = 4;

/** Completes and checks limits. Throws a RangeError for one that is not a positive integer. */
export function completeBatchLimits(limits: Partial<BatchLimits> = {}): BatchLimits {
  const complete = { ...defaults, ...limits };
  for (const [name, value] of Object.entries(complete)) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new RangeError(`${name} must be a positive integer, not ${value}`);
  }
  return complete;
}
