import {
  FencedError,
  type LogKey,
  LogNotFoundError,
  SequenceError,
  StoreCorruptError,
  StoreFailedError,
  StoreFormatError,
  StoreFullError,
  StoreInUseError,
  TrimmedError,
} from "@dragoman/event-log";
import type { Failure } from "./protocol.ts";

/** Result codes of SQLite, without their extended part. */
const busy = 5;
const readOnly = 8;
const ioError = 10;
const corrupt = 11;
const full = 13;
const cannotOpen = 14;
const notADatabase = 26;

/** Tells whether an error came from SQLite; then nothing of the open transaction can be kept. */
export function isDatabaseError(error: unknown): error is Error & { readonly errcode: number } {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number";
}

/** Tells whether SQLite found a lock that it did not get. */
export function isBusy(error: unknown): boolean {
  return isDatabaseError(error) && (error.errcode & 0xff) === busy;
}

/** Tells whether something that came from a worker is a failure. */
export function isFailure(result: object | null): result is Failure {
  return result !== null && "failure" in result;
}

/** Turns what SQLite threw into the error that callers know; leaves all other errors alone. */
export function toStoreError(error: unknown, path: string): unknown {
  if (!isDatabaseError(error)) return error;
  const options = { cause: error };
  switch (error.errcode & 0xff) {
    case full:
      return new StoreFullError(`no room in ${path}: the disk is full, or maxBytes is reached`, options);
    case busy:
      return new StoreInUseError(
        `another program has locked ${path} for too long; end it and try again`,
        options,
      );
    case corrupt:
      return new StoreCorruptError(
        `${path} is damaged (${error.message}); restore it from a backup`,
        options,
      );
    case notADatabase:
      return new StoreFormatError(`${path} is no data of this program: it is not a SQLite database`, options);
    case cannotOpen:
    case readOnly:
      return new StoreFailedError(`${path} cannot be opened for writing (${error.message})`, options);
    case ioError:
      return new StoreFailedError(`the disk under ${path} failed (${error.message})`, options);
    default:
      return error;
  }
}

/** Writes an error down for the way between threads. */
export function toFailure(error: unknown): Failure {
  if (!(error instanceof Error)) return { failure: "Error", message: String(error) };
  const { name: failure, message } = error;
  if (error instanceof FencedError) return { failure, message, numbers: [error.epoch] };
  if (error instanceof SequenceError) return { failure, message, numbers: [error.expected, error.actual] };
  if (error instanceof TrimmedError) return { failure, message, numbers: [error.firstSequence] };
  return { failure, message };
}

/** Makes the error again. `key` is the log that the failed operation was about. */
export function fromFailure(
  { failure, message, numbers: [first = 0, second = 0] = [] }: Failure,
  key: LogKey,
): Error {
  switch (failure) {
    case "LogNotFoundError":
      return new LogNotFoundError(key);
    case "FencedError":
      return new FencedError(key, first);
    case "SequenceError":
      return new SequenceError(first, second);
    case "TrimmedError":
      return new TrimmedError(first);
    case "StoreFullError":
      return new StoreFullError(message);
    case "StoreInUseError":
      return new StoreInUseError(message);
    case "StoreFormatError":
      return new StoreFormatError(message);
    case "StoreCorruptError":
      return new StoreCorruptError(message);
    case "StoreFailedError":
      return new StoreFailedError(message);
    case "RangeError":
      return new RangeError(message);
    default:
      return new Error(message);
  }
}
