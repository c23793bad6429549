/** Limits of a store. Reaching one is a LimitError that names it, unless it says otherwise. */
export interface StoreLimits {
  /** UTF-8 bytes of the namespace and of the id of a log, each. Default 256. */
  readonly maxKeyBytes: number;
  /** UTF-8 bytes of each text of a catalog entry (namespace, kind, parent, id, label, state). Default 4 KiB. */
  readonly maxEntryTextBytes: number;
  /** Bytes of the value of a catalog entry. Default 4 MiB. */
  readonly maxEntryBytes: number;
  /** Bytes of one chunk. Default 16 MiB. */
  readonly maxChunkBytes: number;
  /** Bytes of one record. Default 64 MiB. */
  readonly maxRecordBytes: number;
  /** Bytes of all that one append or put adds. Default 96 MiB. */
  readonly maxAppendBytes: number;
  /** Writes (acquire, append, trim, remove, put) that may wait for the store at once. Default 100,000. */
  readonly maxQueuedWrites: number;
  /** Reads (read, readRecords, head, get, list, count) that may be under way at once, waiting ones too. Default 100,000. */
  readonly maxReads: number;
  /** How long a read waits at most, in milliseconds; a longer `waitMs` is cut to it. Default 5 minutes. */
  readonly maxWaitMs: number;
  /** How large a page gets at most; a larger `maxBytes` is cut to it. Default 16 MiB. */
  readonly maxPageBytes: number;
  /** Entries in one list. Default 10,000. */
  readonly maxListLength: number;
}

const defaults: StoreLimits = {
  maxKeyBytes: 256,
  maxEntryTextBytes: 4 * 1024,
  maxEntryBytes: 4 * 1024 * 1024,
  maxChunkBytes: 16 * 1024 * 1024,
  maxRecordBytes: 64 * 1024 * 1024,
  maxAppendBytes: 96 * 1024 * 1024,
  maxQueuedWrites: 100_000,
  maxReads: 100_000,
  maxWaitMs: 5 * 60 * 1000,
  maxPageBytes: 16 * 1024 * 1024,
  maxListLength: 10_000,
};

/** Completes limits. Throws a RangeError for one that is not a positive integer. Ignores other properties. */
export function completeStoreLimits(limits: Partial<StoreLimits> = {}): StoreLimits {
  const given = Object.entries(limits).filter(([name, value]) => name in defaults && value !== undefined);
  for (const [name, value] of given) checkPositive(name, value);
  return { ...defaults, ...Object.fromEntries(given) };
}

/** Completes and checks `maxBytes`, the size of a whole store, whose default is the store's own. */
export function completeMaxBytes(maxBytes: number | undefined, byDefault: number): number {
  checkPositive("maxBytes", maxBytes ?? byDefault);
  return maxBytes ?? byDefault;
}

function checkPositive(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`${name} must be a positive integer, not ${value}`);
  }
}
