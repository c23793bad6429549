import { allocate } from "./allocate.ts";
import { writeUtf8 } from "./native-strings.ts";

/** Strings up to this many UTF-16 units are copied in a loop, which beats a call of the platform. */
const SHORT_STRING = 40;
/** So many bytes are copied in a loop. */
const FEW_BYTES = 40;
const INITIAL_BYTES = 1024;
/** What one call of a method that writes numbers needs at most. */
const NUMBER_BYTES = 16;

// A string has one of many internal forms, and V8 looks up its methods anew for each once it has seen five of them.
// This way it need not.
const { charCodeAt } = String.prototype;

/** Thrown by writers at a value that has no place on the wire. Callers turn it into an error with a path. */
export class UnencodableError extends Error {}

/** Protobuf wire format into a growing array of bytes. */
export class ByteWriter {
  bytes: Uint8Array<ArrayBuffer>;
  position = 0;
  #view: DataView | undefined;

  constructor(initialBytes = INITIAL_BYTES) {
    this.bytes = allocate(initialBytes);
    this.#view = undefined;
  }

  /** Makes room for so many bytes after the position. */
  reserve(length: number): void {
    if (this.position + length > this.bytes.length) this.#grow(this.position, length);
  }

  #grow(used: number, needed: number): void {
    const grown = allocate(Math.max(this.bytes.length * 2, used + needed));
    grown.set(this.bytes.subarray(0, used));
    this.bytes = grown;
    this.#view = undefined;
  }

  /** Writes one byte. */
  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.position++] = value;
  }

  /** Writes an unsigned integer below 2^53. */
  varint(value: number): void {
    this.reserve(NUMBER_BYTES);
    const { bytes } = this;
    let rest = value;
    while (rest > 0x7fffffff) {
      bytes[this.position++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest > 0x7f) {
      bytes[this.position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[this.position++] = rest;
  }

  /** Writes a safe integer as int64. */
  int64(value: number): void {
    if (value >= 0) {
      this.varint(value);
      return;
    }
    this.reserve(NUMBER_BYTES);
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 0x7fn) {
      this.bytes[this.position++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.bytes[this.position++] = Number(rest);
  }

  /** Writes two bytes: a tag and a small value, or a tag of two bytes. */
  twoBytes(first: number, second: number): void {
    this.position = this.pairAt(this.position, first, second);
  }

  /** Writes a tag of one byte, and a string with its length before it. */
  taggedString(tag: number, text: string): void {
    this.position = this.stringAt(this.position, tag, text);
  }

  /** Writes text without its length. */
  text(text: string): void {
    this.reserve(text.length * 3);
    this.position += writeUtf8(this.bytes, text, this.position);
  }

  /** Writes bytes as they are. */
  raw(bytes: Uint8Array): void {
    const { length } = bytes;
    this.reserve(length);
    const { bytes: target, position } = this;
    if (length > FEW_BYTES) target.set(bytes, position);
    else for (let i = 0; i < length; i++) target[position + i] = bytes[i]!;
    this.position = position + length;
  }

  /** Writes a tag of one byte and begins what it is for. Returns the place to give to endLength. */
  beginTagged(tag: number): number {
    this.position = this.pairAt(this.position, tag, 0);
    return this.position - 1;
  }

  /** Ends it: one byte was left for the length; what was written moves if that is too little. */
  endLength(at: number): void {
    this.position = this.closeAt(at, this.position);
  }

  /** Gives a copy of what was written, and begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = allocate(this.position);
    taken.set(this.bytes.subarray(0, this.position));
    this.position = 0;
    return taken;
  }

  // The same for writers that keep the position themselves: they are told it, and return the one after.

  /** Writes two bytes. */
  pairAt(at: number, first: number, second: number): number {
    if (at + 2 > this.bytes.length) this.#grow(at, 2);
    const { bytes } = this;
    bytes[at] = first;
    bytes[at + 1] = second;
    return at + 2;
  }

  /** Writes a tag of one byte, and a double. */
  doubleAt(at: number, tag: number, value: number): number {
    if (at + 9 > this.bytes.length) this.#grow(at, 9);
    this.bytes[at] = tag;
    this.#view ??= new DataView(this.bytes.buffer);
    this.#view.setFloat64(at + 1, value, true);
    return at + 9;
  }

  /** Writes a tag of one byte, and a string with its length before it. */
  stringAt(at: number, tag: number, text: string): number {
    const { length } = text;
    const start = at + 2;
    if (start + length * 3 > this.bytes.length) this.#grow(at, length * 3 + 2);
    const { bytes } = this;
    bytes[at] = tag;
    if (length > SHORT_STRING) return this.#longStringAt(at, text);
    for (let i = 0; i < length; i++) {
      const unit = charCodeAt.call(text, i);
      if (unit > 0x7f) return this.#longStringAt(at, text);
      bytes[start + i] = unit;
    }
    bytes[at + 1] = length;
    return start + length;
  }

  /**
   * Writes an entry of a map up to its value: tag, length, tagged key, tag, length. The value follows at the place
   * returned; closeEntryAt fills in the lengths.
   */
  entryAt(at: number, key: string): number {
    const { length } = key;
    const start = at + 4;
    if (start + length * 3 + 2 > this.bytes.length) this.#grow(at, length * 3 + 6);
    const { bytes } = this;
    bytes[at] = 0x0a;
    if (length === 0 || length > SHORT_STRING) return this.#longEntryAt(at, key);
    bytes[at + 2] = 0x0a;
    bytes[at + 3] = length;
    for (let i = 0; i < length; i++) {
      const unit = charCodeAt.call(key, i);
      if (unit > 0x7f) return this.#longEntryAt(at, key);
      bytes[start + i] = unit;
    }
    bytes[start + length] = 0x12;
    return start + length + 2;
  }

  #longEntryAt(at: number, key: string): number {
    // Like all strings without presence, an empty key is left out.
    const keyEnd = key === "" ? at + 2 : this.stringAt(at + 2, 0x0a, key);
    return this.pairAt(keyEnd, 0x12, 0);
  }

  /** Fills in the lengths of the entry that began at `at` and of its value, written from `start` to `end`. */
  closeEntryAt(at: number, start: number, end: number): number {
    const length = end - at - 2;
    if (length > 0x7f) return this.closeAt(at + 1, this.closeAt(start - 1, end));
    this.bytes[start - 1] = end - start;
    this.bytes[at + 1] = length;
    return end;
  }

  #longStringAt(at: number, text: string): number {
    const start = at + 2;
    return this.closeAt(at + 1, start + writeUtf8(this.bytes, text, start));
  }

  /** Fills in the length of what was written between the byte after `lengthAt` and `end`. */
  closeAt(lengthAt: number, end: number): number {
    const length = end - lengthAt - 1;
    if (length > 0x7f) return this.#closeLong(lengthAt, end, length);
    this.bytes[lengthAt] = length;
    return end;
  }

  #closeLong(lengthAt: number, end: number, length: number): number {
    const extra = length < 0x4000 ? 1 : length < 0x200000 ? 2 : length < 0x10000000 ? 3 : 4;
    if (end + extra > this.bytes.length) this.#grow(end, extra);
    const { bytes } = this;
    bytes.copyWithin(lengthAt + 1 + extra, lengthAt + 1, end);
    let rest = length;
    let at = lengthAt;
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at] = rest;
    return end + extra;
  }
}
