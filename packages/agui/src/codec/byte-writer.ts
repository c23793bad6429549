import { writeUtf8 } from "./native-strings.ts";

/** Strings up to this many UTF-16 units are copied in a loop, which beats a call of the platform. */
const SHORT_STRING = 40;
const INITIAL_BYTES = 1024;
/** What one call of a method that writes numbers needs at most. */
const NUMBER_BYTES = 16;

/** Thrown by writers at a value that has no place on the wire. Callers turn it into an error with a path. */
export class UnencodableError extends Error {}

/** Protobuf wire format into a growing array of bytes. */
export class ByteWriter {
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView;
  position = 0;

  constructor(initialBytes = INITIAL_BYTES) {
    this.bytes = new Uint8Array(initialBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes room for so many bytes after the position. */
  reserve(length: number): void {
    if (this.position + length > this.bytes.length) this.#grow(this.position + length);
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, needed));
    grown.set(this.bytes.subarray(0, this.position));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
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

  /** Writes a tag of one byte, and a double. */
  taggedDouble(tag: number, value: number): void {
    this.reserve(NUMBER_BYTES);
    this.bytes[this.position] = tag;
    this.view.setFloat64(this.position + 1, value, true);
    this.position += 9;
  }

  /** Writes two bytes: a tag and a small value, or a tag of two bytes. */
  twoBytes(first: number, second: number): void {
    this.reserve(2);
    const { bytes, position } = this;
    bytes[position] = first;
    bytes[position + 1] = second;
    this.position = position + 2;
  }

  /** Writes a tag of one byte, and a string with its length before it. */
  taggedString(tag: number, text: string): void {
    const { length } = text;
    this.reserve(length * 3 + 6);
    this.bytes[this.position++] = tag;
    if (length <= SHORT_STRING && this.#ascii(text, length)) return;
    const at = this.position++;
    this.position += writeUtf8(this.bytes, text, this.position);
    this.endLength(at);
  }

  #ascii(text: string, length: number): boolean {
    const { bytes } = this;
    const start = this.position + 1;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) return false;
      bytes[start + i] = unit;
    }
    bytes[start - 1] = length;
    this.position = start + length;
    return true;
  }

  /** Writes text without its length. */
  text(text: string): void {
    this.reserve(text.length * 3);
    this.position += writeUtf8(this.bytes, text, this.position);
  }

  /** Writes bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.position);
    this.position += bytes.length;
  }

  /** Writes a tag of one byte and begins what it is for. Returns the place to give to endLength. */
  beginTagged(tag: number): number {
    this.reserve(2);
    this.bytes[this.position] = tag;
    this.position += 2;
    return this.position - 1;
  }

  /** Ends it: one byte was left for the length; what was written moves if that is too little. */
  endLength(at: number): void {
    const length = this.position - at - 1;
    if (length < 0x80) {
      this.bytes[at] = length;
      return;
    }
    const extra = length < 0x4000 ? 1 : length < 0x200000 ? 2 : length < 0x10000000 ? 3 : 4;
    this.reserve(extra);
    this.bytes.copyWithin(at + 1 + extra, at + 1, this.position);
    const end = this.position + extra;
    this.position = at;
    this.varint(length);
    this.position = end;
  }

  /** Gives a copy of what was written, and begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.bytes.slice(0, this.position);
    this.position = 0;
    return taken;
  }
}
