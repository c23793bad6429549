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
}

/** The data folder is used by another process. */
export class StoreInUseError extends Error {
  override readonly name = "StoreInUseError";
}

/** The data was written by a newer version that this one cannot read. */
export class StoreFormatError extends Error {
  override readonly name = "StoreFormatError";
}
