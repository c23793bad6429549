import { MalformedEventError } from "./errors.ts";
import { IdTable } from "./id-table.ts";
import { StringTable } from "./string-table.ts";

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
const NOTHING = new Uint8Array(0);

/** Protobuf wire format out of an array of bytes. Never reads at or after `end`. */
export class ByteReader {
  bytes: Uint8Array = NOTHING;
  position = 0;
  end = 0;
  /** Keys of objects that were read lately. */
  readonly keys = new StringTable(true);
  /** Other strings that were read lately. */
  readonly texts = new StringTable();
  /** Strings as long as ids are that were read lately. */
  readonly ids = new IdTable();
  readonly #halves = new Int32Array(2);
  readonly #double = new Float64Array(this.#halves.buffer);

  /** Begins to read a range of bytes. Throws RangeError if it is not inside them. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    if (!(start >= 0 && start <= end && end <= bytes.length)) throw new RangeError("Range outside the bytes");
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  /** Lets go of the bytes. */
  release(): void {
    this.bytes = NOTHING;
  }

  /** Reads the tag of a field: number * 8 + wire type. */
  tag(): number {
    const tag = this.uint32();
    if (tag < 8) throw new MalformedEventError("field number 0");
    return tag;
  }

  /** Reads an unsigned integer of up to 32 bits: a tag or a length. */
  uint32(): number {
    const byte = this.bytes[this.position]!;
    if (byte > 0x7f || this.position >= this.end) return this.#longUint32();
    this.position++;
    return byte;
  }

  #longUint32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      if (shift === 28 && byte > 0x0f) break;
      value = (value | ((byte & 0x7f) << shift)) >>> 0;
      if (byte < 0x80) return value;
    }
    throw new MalformedEventError("a number wider than 32 bits");
  }

  #byte(): number {
    if (this.position >= this.end) throw new MalformedEventError("cut off in a number");
    return this.bytes[this.position++]!;
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

  /** Reads an int64. Throws if it is not a safe integer. */
  int64(): number {
    const start = this.position;
    let value = 0;
    for (let factor = 1; factor < 2 ** 49; factor *= 0x80) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    this.position = start;
    return this.#longInt64();
  }

  #longInt64(): number {
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

  /** Reads a length and returns where what follows ends. */
  lengthEnd(): number {
    const length = this.uint32();
    const end = this.position + length;
    if (end > this.end) throw new MalformedEventError("cut off");
    return end;
  }

  /** Reads a string of which there may be many alike. */
  string(): string {
    const end = this.lengthEnd();
    const start = this.position;
    this.position = end;
    return end - start > SHORT_STRING
      ? this.ids.read(this.bytes, start, end)
      : this.texts.read(this.bytes, start, end);
  }

  // The same for readers that keep the range themselves: they are told it. Afterwards the position is after what
  // was read.

  /** Reads a tag. */
  tagAt(at: number, end: number): number {
    const tag = this.bytes[at]!;
    if (tag > 7 && tag < 0x80) {
      this.position = at + 1;
      return tag;
    }
    this.position = at;
    this.end = end;
    return this.tag();
  }

  /** Reads a length, and returns where what follows it ends. */
  lengthAt(at: number, end: number): number {
    const length = this.bytes[at]!;
    const stop = at + 1 + length;
    if (length < 0x80 && stop <= end) {
      this.position = at + 1;
      return stop;
    }
    return this.#longLengthAt(at, end);
  }

  #longLengthAt(at: number, end: number): number {
    const low = this.bytes[at]!;
    const high = this.bytes[at + 1]!;
    const stop = at + 2 + ((low & 0x7f) | (high << 7));
    if (low > 0x7f && high < 0x80 && stop <= end) {
      this.position = at + 2;
      return stop;
    }
    this.position = at;
    this.end = end;
    return this.lengthEnd();
  }

  /** Reads a double. */
  doubleAt(at: number, end: number): number {
    if (at + 8 > end) throw new MalformedEventError("cut off in a number");
    const { bytes } = this;
    const halves = this.#halves;
    halves[0] = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    halves[1] = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
    return this.#double[0]!;
  }

  /** Reads a varint and says only whether it is not zero. */
  boolAt(at: number, end: number): boolean {
    this.position = at;
    this.end = end;
    return this.bool();
  }

  /** Skips a field whose tag was read, and returns where it ends. */
  skipAt(at: number, end: number, tag: number): number {
    this.position = at;
    this.end = end;
    this.skip(tag);
    return this.position;
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
