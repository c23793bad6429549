import type { AgentOutput, EncodedEvent } from "@dragoman/agent";
import { decodeEvent, UnknownEventTypeError } from "@dragoman/agui";
import { UpstreamError, UpstreamTruncatedError } from "./errors.ts";
import type { EventReader } from "./event-reader.ts";

/** The length before each event: 4 bytes, big-endian. */
const prefixBytes = 4;

/**
 * Reads `application/vnd.ag-ui.event+proto`: a length, then an event, over and over.
 *
 * Events come with their bytes, so that nothing is encoded again and fields of later versions survive. Events of
 * types that this version does not know are skipped, as AG-UI asks.
 */
export function createBinaryReader(maxEventBytes: number): EventReader {
  // The frame that is not complete yet, and how many bytes it takes as far as is known.
  let pieces: Uint8Array[] = [];
  let pendingBytes = 0;
  let neededBytes = prefixBytes;

  /** Puts the new piece behind what is left of the old ones, without copying before it is worth it. */
  function gather(chunk: Uint8Array): Uint8Array | undefined {
    pendingBytes += chunk.length;
    if (pendingBytes < neededBytes) {
      pieces.push(chunk);
      return undefined;
    }
    const bytes = pieces.length > 0 ? Buffer.concat([...pieces, chunk]) : chunk;
    pieces = [];
    return bytes;
  }

  function* push(chunk: Uint8Array): Generator<AgentOutput, void> {
    const bytes = gather(chunk);
    if (bytes === undefined) return;
    let start = 0;
    for (;;) {
      neededBytes = frameBytes(bytes, start, maxEventBytes);
      if (bytes.length - start < neededBytes) break;
      const output = decode(bytes.subarray(start + prefixBytes, start + neededBytes));
      start += neededBytes;
      if (output !== undefined) yield output;
    }
    pieces = start < bytes.length ? [bytes.subarray(start)] : [];
    pendingBytes = bytes.length - start;
  }

  function finish(): AgentOutput[] {
    if (pendingBytes === 0) return [];
    throw new UpstreamTruncatedError("The upstream agent's stream stopped within an event.");
  }

  return { push, finish };
}

/** How many bytes the frame at `start` takes; those of its length, where that is not complete. */
function frameBytes(bytes: Uint8Array, start: number, maxEventBytes: number): number {
  if (bytes.length - start < prefixBytes) return prefixBytes;
  const length = new DataView(bytes.buffer, bytes.byteOffset + start, prefixBytes).getUint32(0);
  if (length <= maxEventBytes) return prefixBytes + length;
  const message = `The upstream agent sent an event of ${length} bytes, more than the ${maxEventBytes} allowed.`;
  throw new UpstreamError("UPSTREAM_TOO_LARGE", message);
}

function decode(bytes: Uint8Array): EncodedEvent | undefined {
  try {
    return { event: decodeEvent(bytes), bytes };
  } catch (cause) {
    if (cause instanceof UnknownEventTypeError) return undefined;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `The upstream agent sent a binary event that cannot be read: ${reason}`;
    throw new UpstreamError("UPSTREAM_MALFORMED", message, { cause });
  }
}
