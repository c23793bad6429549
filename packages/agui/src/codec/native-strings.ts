/**
 * String conversion of the platform. Node's Buffer converts in place, without an object per string; elsewhere
 * TextEncoder and TextDecoder do the same, slower.
 */

interface BufferMethods {
  utf8Write(this: Uint8Array, text: string, offset: number, length: number): number;
  utf8Slice(this: Uint8Array, start: number, end: number): string;
  latin1Slice(this: Uint8Array, start: number, end: number): string;
}

function bufferMethods(): BufferMethods | undefined {
  const found = (globalThis as { Buffer?: { prototype?: Partial<BufferMethods> } }).Buffer?.prototype;
  if (typeof found?.utf8Write !== "function" || typeof found.utf8Slice !== "function") return undefined;
  return typeof found.latin1Slice === "function" ? (found as BufferMethods) : undefined;
}

const native = bufferMethods();
const encoder = new TextEncoder();
// A byte order mark inside a message is text like any other.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Writes text as UTF-8 and returns the number of bytes; lone surrogates become U+FFFD. The caller guarantees
 * three bytes of room for each UTF-16 unit.
 */
export const writeUtf8: (bytes: Uint8Array, text: string, offset: number) => number =
  native === undefined
    ? (bytes, text, offset) => encoder.encodeInto(text, bytes.subarray(offset)).written
    : (bytes, text, offset) => native.utf8Write.call(bytes, text, offset, bytes.length - offset);

/** Reads UTF-8; what is not UTF-8 becomes U+FFFD. */
export const readUtf8: (bytes: Uint8Array, start: number, end: number) => string =
  native === undefined
    ? (bytes, start, end) => decoder.decode(bytes.subarray(start, end))
    : (bytes, start, end) => native.utf8Slice.call(bytes, start, end);

/** Reads bytes that are known to be ASCII. */
export const readAscii: (bytes: Uint8Array, start: number, end: number) => string =
  native === undefined ? readUtf8 : (bytes, start, end) => native.latin1Slice.call(bytes, start, end);
