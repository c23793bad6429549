import { writeUtf8 } from "./native-strings.ts";

/** Strings up to this many UTF-16 units are copied in a loop, which beats a call of the platform. */
const SHORT_STRING = 40;
const INITIAL_BYTES = 1024;

/** Thrown by writers at a value that has no place on the wire. Callers turn it into an error with a path. */
export class UnencodableError extends Error {}

/** Protobuf wire format into a growing array of bytes. */
export class ByteWriter {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(INITIAL_BYTES);
  position = 0;
  readonly #double = new Float64Array(1);
  readonly #doubleBytes = new Uint8Array(this.#double.buffer);

  /** Makes room for so many bytes after the position. */
  reserve(length: number): void {
    if (this.position + length > this.bytes.length) this.#grow(this.position + length);
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, needed));
    grown.set(this.bytes.subarray(0, this.position));
    this.bytes = grown;
  }

  /** Writes an unsigned integer below 2^53. */
  varint(value: number): void {
    this.reserve(10);
    let rest = value;
    while (rest > 0x7f) {
      this.bytes[this.position++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.position++] = rest;
  }

  /** Writes a safe integer as int64. */
  int64(value: number): void {
    if (value >= 0) {
      this.varint(value);
      return;
    }
    this.reserve(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 0x7fn) {
      this.bytes[this.position++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.bytes[this.position++] = Number(rest);
  }

  /** Writes the tag of a length-delimited field. */
  lengthTag(number: number): void {
    this.varint(number * 8 + 2);
  }

  /** Writes a string with its length before it. Throws UnencodableError if it is none. */
  string(text: unknown): void {
    if (typeof text !== "string") throw new UnencodableError();
    const length = text.length;
    this.reserve(length * 3 + 5);
    if (length <= SHORT_STRING && this.#ascii(text, length)) return;
    const at = this.beginLength();
    this.position += writeUtf8(this.bytes, text, this.position);
    this.endLength(at);
  }

  #ascii(text: string, length: number): boolean {
    const bytes = this.bytes;
    const start = this.position;
    bytes[start] = length;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) return false;
      bytes[start + 1 + i] = unit;
    }
    this.position = start + 1 + length;
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

  /** Gives a copy of what was written, and begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.bytes.slice(0, this.position);
    this.position = 0;
    return taken;
  }

  double(value: number): void {
    this.reserve(8);
    this.#double[0] = value;
    this.bytes.set(this.#doubleBytes, this.position);
    this.position += 8;
  }

  /** Begins something whose length comes first. Returns the place to give to endLength. */
  beginLength(): number {
    this.reserve(1);
    return this.position++;
  }

  /** Ends it: one byte was reserved for the length, what was written moves if that was too little. */
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
}
