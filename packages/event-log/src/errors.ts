import type { LogKey } from "./event-log.ts";

/** The log does not exist. */
export class LogNotFoundError extends Error {
  override readonly name = "LogNotFoundError";
  readonly key: LogKey;
  constructor(key: LogKey) {
    super(`no log ${key.id} in ${key.namespace}`);
    this.key = key;
  }
}

/** Somebody else acquired the log since: the epoch of the append is not the newest. */
export class FencedError extends Error {
  override readonly name = "FencedError";
  readonly key: LogKey;
  readonly epoch: number;
  constructor(key: LogKey, epoch: number) {
    super(`the log ${key.id} was taken over (epoch ${epoch})`);
    this.key = key;
    this.epoch = epoch;
  }
}

/** An append does not begin right after the head. */
export class SequenceError extends Error {
  override readonly name = "SequenceError";
  readonly expected: number;
  readonly actual: number;
  constructor(expected: number, actual: number) {
    super(`an append must begin at sequence ${expected}, not ${actual}`);
    this.expected = expected;
    this.actual = actual;
  }
}

/** Events that were asked for are no longer kept. */
export class TrimmedError extends Error {
  override readonly name = "TrimmedError";
  readonly firstSequence: number;
  constructor(firstSequence: number) {
    super(`events before sequence ${firstSequence} are no longer kept`);
    this.firstSequence = firstSequence;
  }
}

/** The store has no room; nothing was appended. Reads still work. */
export class StoreFullError extends Error {
  override readonly name = "StoreFullError";
}

/** The store was closed. */
export class StoreClosedError extends Error {
  override readonly name = "StoreClosedError";
  constructor() {
    super("the store is closed");
  }
}

/** The data folder is used by another process. */
export class StoreInUseError extends Error {
  override readonly name = "StoreInUseError";
}

/** The data was written by a newer version that this one cannot read. */
export class StoreFormatError extends Error {
  override readonly name = "StoreFormatError";
}

/** The data is damaged: what the store reads is not what it wrote. */
export class StoreCorruptError extends Error {
  override readonly name = "StoreCorruptError";
}

/**
 * The store failed in a way that leaves unknown what of the last appends was written, such as a failed
 * fsync. It refuses everything from then on: it must be closed and opened again.
 */
export class StoreFailedError extends Error {
  override readonly name = "StoreFailedError";
}

/** A named limit of the store was reached. Nothing was changed. */
export class LimitError extends Error {
  override readonly name = "LimitError";
  /** The name of the limit, such as `maxChunkBytes`. */
  readonly limit: string;
  readonly max: number;
  readonly actual: number;
  constructor(limit: string, max: number, actual: number) {
    super(`${limit} is ${max}, not enough for ${actual}`);
    this.limit = limit;
    this.max = max;
    this.actual = actual;
  }
}
