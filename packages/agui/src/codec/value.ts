import { ByteReader } from "./byte-reader.ts";
import { ByteWriter, UnencodableError } from "./byte-writer.ts";
import { InvalidEventError } from "./errors.ts";
import { readValue } from "./read-value.ts";
import { MAX_VALUE_DEPTH } from "./value-limits.ts";
import { writeValue } from "./write-value.ts";

/** Scratch space that grew beyond this is given back. */
const MAX_KEPT_BYTES = 1 << 20;

const reader = new ByteReader();
/** The writer of encodeValue while no call uses it: a `toJSON` that encodes values gets another one. */
let idleWriter: ByteWriter | undefined;

/**
 * Encodes any JSON value as a google.protobuf.Value. Like JSON.stringify, numbers that are not finite become
 * null. Throws InvalidEventError for what JSON does not have (bigint) and for what nests deeper than
 * MAX_VALUE_DEPTH.
 */
export function encodeValue(value: unknown): Uint8Array {
  const writer = idleWriter ?? new ByteWriter();
  idleWriter = undefined;
  writer.position = 0;
  try {
    writeValue(writer, value);
  } catch (error) {
    if (!(error instanceof UnencodableError)) throw error;
    throw new InvalidEventError("", `is no JSON value or nested deeper than ${MAX_VALUE_DEPTH}`);
  }
  if (writer.bytes.length <= MAX_KEPT_BYTES) idleWriter = writer;
  return writer.take();
}

/** Decodes a google.protobuf.Value; an empty one is null. Throws MalformedEventError. */
export function decodeValue(bytes: Uint8Array, start = 0, end = bytes.length): unknown {
  reader.reset(bytes, start, end);
  const value = readValue(reader, end) ?? null;
  reader.release();
  return value;
}
