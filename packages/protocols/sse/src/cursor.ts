import { Code } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";

/** A place in a log: the last sequence that a reader holds. */
export interface Cursor {
  /** The log; empty if the reader does not know. */
  readonly logId: string;
  readonly sequence: bigint;
}

const maxSequence = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * Reads a cursor: `<log id>:<sequence>` as the `id:` of an event has it, or a sequence alone.
 *
 * Throws INVALID_REQUEST if it is neither.
 */
export function parseCursor(text: string): Cursor {
  const match = /^(?:(.*):)?(\d{1,16})$/.exec(text.trim());
  const sequence = BigInt(match?.[2] ?? -1);
  if (match === null || sequence > maxSequence) {
    const message = `"${text}" is no place in a log: send the id of the last event that arrived, <log id>:<sequence>.`;
    throw reasonError(Code.InvalidArgument, "INVALID_REQUEST", message);
  }
  return { logId: match[1] ?? "", sequence };
}
