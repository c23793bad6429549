import { Code } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";
import { type Compression, compressedFlag } from "../connect-internals.ts";

const headerBytes = 5;

/**
 * Reads a request that must be exactly one enveloped message, and returns the message's bytes.
 *
 * Never holds more than `maxBytes`, whatever length the envelope claims.
 */
export async function readOneEnvelope(
  body: AsyncIterable<Uint8Array>,
  compression: Compression | null,
  maxBytes: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let expected: number | undefined;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (expected === undefined && size >= headerBytes) {
      expected = headerBytes + claimedLength(join(chunks, size), maxBytes);
    }
    if (expected !== undefined && size > expected) {
      throw protocolError(Code.Unimplemented, "The request has more than one message.");
    }
  }
  if (size === 0) {
    throw protocolError(Code.Unimplemented, "The request has no message.");
  }
  if (expected === undefined || size < expected) {
    throw protocolError(Code.InvalidArgument, "The request ended in the middle of an envelope.");
  }
  const whole = join(chunks, size);
  return await decompressed(whole[0]!, whole.subarray(headerBytes), compression, maxBytes);
}

async function decompressed(
  flags: number,
  data: Uint8Array,
  compression: Compression | null,
  maxBytes: number,
): Promise<Uint8Array> {
  if (flags === 0) {
    return data;
  }
  if (flags !== compressedFlag) {
    throw protocolError(Code.InvalidArgument, `The request has an envelope with unknown flags ${flags}.`);
  }
  if (compression === null) {
    throw protocolError(Code.Internal, "The request has a compressed envelope but names no compression.");
  }
  return compression.decompress(data, maxBytes);
}

function claimedLength(head: Uint8Array, maxBytes: number): number {
  const length = new DataView(head.buffer, head.byteOffset).getUint32(1);
  if (length > maxBytes) {
    throw reasonError(
      Code.ResourceExhausted,
      "LIMIT_REACHED",
      `The message has ${length} bytes; this server reads at most ${maxBytes}.`,
      { metadata: { limit: "readMaxBytes", value: maxBytes } },
    );
  }
  return length;
}

function join(chunks: Uint8Array[], size: number): Uint8Array {
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
}

function protocolError(code: Code, message: string) {
  return reasonError(code, "INVALID_REQUEST", message);
}
