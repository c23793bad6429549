import { MalformedEventError } from "./errors.ts";
import { readAscii, readUtf8 } from "./native-strings.ts";

/** Wire types of protobuf. */
export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH = 2;
const START_GROUP = 3;
const END_GROUP = 4;
const FIXED32 = 5;

/** Groups of unknown fields may nest so deep, as in other protobuf runtimes. */
const MAX_GROUP_DEPTH = 100;
const SHORT_STRING = 24;

/** Protobuf wire format out of an array of bytes. Never reads at or after `end`. */
export class ByteReader {
  bytes: Uint8Array = new Uint8Array(0);
  position = 0;
  end = 0;
  readonly #doubleBytes = new Uint8Array(8);
  readonly #double = new Float64Array(this.#doubleBytes.buffer);

  /** Begins to read another range. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    if (start < 0 || end > bytes.length || start > end) throw new RangeError("Range outside the bytes");
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  /** Reads the tag of a field: number * 8 + wire type. */
  tag(): number {
    const tag = this.uint32();
    if (tag < 8) throw new MalformedEventError("field number 0");
    return tag;
  }

  /** Reads an unsigned integer of up to 32 bits: a tag or a length. */
  uint32(): number {
    const { bytes, end } = this;
    let position = this.position;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (position >= end) throw new MalformedEventError("cut off in a number");
      const byte = bytes[position++]!;
      if (shift === 28 && byte > 0x0f) break;
      value = (value | ((byte & 0x7f) << shift)) >>> 0;
      if (byte < 0x80) {
        this.position = position;
        return value;
      }
    }
    throw new MalformedEventError("a number wider than 32 bits");
  }

  /** Reads a varint and says only whether it is not zero. */
  bool(): boolean {
    let value = false;
    for (let count = 0; count < 10; count++) {
      const byte = this.#byte();
      if ((byte & 0x7f) !== 0) value = true;
      if (byte < 0x80) return value;
    }
    throw new MalformedEventError("a number wider than 64 bits");
  }

  #byte(): number {
    if (this.position >= this.end) throw new MalformedEventError("cut off in a number");
    return this.bytes[this.position++]!;
  }

  /** Reads an int64. Throws if it is not a safe integer. */
  int64(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return safe(Number(BigInt.asIntN(64, value)));
    }
    throw new MalformedEventError("a number wider than 64 bits");
  }

  /** Reads an int32, such as an enum value. */
  int32(): number {
    let value = 0;
    for (let count = 0; count < 10; count++) {
      const byte = this.#byte();
      if (count < 5) value |= (byte & 0x7f) << (7 * count);
      if (byte < 0x80) return value;
    }
    throw new MalformedEventError("a number wider than 64 bits");
  }

  double(): number {
    if (this.position + 8 > this.end) throw new MalformedEventError("cut off in a number");
    for (let i = 0; i < 8; i++) this.#doubleBytes[i] = this.bytes[this.position + i]!;
    this.position += 8;
    return this.#double[0]!;
  }

  /** Reads a length and returns where what follows ends. */
  lengthEnd(): number {
    const length = this.uint32();
    const end = this.position + length;
    if (end > this.end) throw new MalformedEventError("cut off");
    return end;
  }

  string(): string {
    const end = this.lengthEnd();
    const start = this.position;
    this.position = end;
    if (end - start > SHORT_STRING) return readUtf8(this.bytes, start, end);
    for (let i = start; i < end; i++) {
      if (this.bytes[i]! > 0x7f) return readUtf8(this.bytes, start, end);
    }
    return readAscii(this.bytes, start, end);
  }

  /** Skips the field with this tag. */
  skip(tag: number, depth = 0): void {
    switch (tag & 7) {
      case VARINT:
        this.bool();
        return;
      case FIXED64:
        this.#advance(8);
        return;
      case LENGTH:
        this.position = this.lengthEnd();
        return;
      case START_GROUP:
        this.#skipGroup(tag, depth);
        return;
      case FIXED32:
        this.#advance(4);
        return;
      default:
        throw new MalformedEventError(`wire type ${tag & 7}`);
    }
  }

  #skipGroup(tag: number, depth: number): void {
    if (depth >= MAX_GROUP_DEPTH) throw new MalformedEventError("groups nested too deep");
    const endTag = tag - START_GROUP + END_GROUP;
    for (;;) {
      const inner = this.tag();
      if (inner === endTag) return;
      this.skip(inner, depth + 1);
    }
  }

  #advance(length: number): void {
    if (this.position + length > this.end) throw new MalformedEventError("cut off in a number");
    this.position += length;
  }
}

function safe(value: number): number {
  if (!Number.isSafeInteger(value)) throw new MalformedEventError("an integer beyond 2^53");
  return value;
}
