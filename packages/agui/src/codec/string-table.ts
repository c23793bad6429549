import { readAscii, readUtf8 } from "./native-strings.ts";

const { fromCharCode } = String;

/** Longer strings seldom repeat. */
const MAX_LENGTH = 24;
/** A power of two. */
const SLOTS = 2048;

/**
 * Reads strings of which many repeat, such as keys and words: one that was read lately is found again instead
 * of made again. Holds at most SLOTS strings of up to MAX_LENGTH characters.
 */
export class StringTable {
  readonly #keys: boolean;
  readonly #strings: string[] = new Array(SLOTS).fill("");
  readonly #lengths = new Uint8Array(SLOTS);
  readonly #bytes = new Uint8Array(SLOTS * MAX_LENGTH);
  /** For each slot the one that was read after it last: keys come in the same order again and again. */
  readonly #next = new Uint16Array(SLOTS);
  #last = 0;

  /** @param keys Whether the strings will be keys of objects. */
  constructor(keys = false) {
    this.#keys = keys;
  }

  /** Reads a key, of which the same one often follows the same other one. */
  readNext(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    const guess = this.#next[this.#last]!;
    if (this.#lengths[guess] === length && sameBytes(this.#bytes, guess * MAX_LENGTH, bytes, start, length)) {
      this.#last = guess;
      return this.#strings[guess]!;
    }
    return this.read(bytes, start, end);
  }

  /** Reads UTF-8. The range is inside the bytes. */
  read(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    if (length > MAX_LENGTH) return readUtf8(bytes, start, end);
    let hash = length;
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      if (byte > 0x7f) return readUtf8(bytes, start, end);
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    const slot = (hash ^ (hash >>> 11)) & (SLOTS - 1);
    if (this.#keys) {
      this.#next[this.#last] = slot;
      this.#last = slot;
    }
    if (this.#lengths[slot] === length && sameBytes(this.#bytes, slot * MAX_LENGTH, bytes, start, length)) {
      return this.#strings[slot]!;
    }
    return this.#remember(bytes, start, length, slot);
  }

  #remember(bytes: Uint8Array, start: number, length: number, slot: number): string {
    const made = shortAscii(bytes, start, length);
    const text = this.#keys ? internalized(made) : made;
    this.#strings[slot] = text;
    this.#lengths[slot] = length;
    for (let i = 0; i < length; i++) this.#bytes[slot * MAX_LENGTH + i] = bytes[start + i]!;
    return text;
  }
}

/** Whether two ranges of bytes are the same. */
export function sameBytes(
  a: Uint8Array,
  aStart: number,
  b: Uint8Array,
  bStart: number,
  length: number,
): boolean {
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false;
  return true;
}

/** The same string as V8 keeps for names of properties, which sets properties several times faster. */
const internalized = (text: string): string => Object.keys({ [text]: 0 })[0]!;

/** Makes a string out of bytes that are ASCII. While it is short, a call of the platform costs more than this. */
function shortAscii(bytes: Uint8Array, at: number, length: number): string {
  if (length <= 8) return tinyAscii(bytes, at, length);
  // V8 copies strings that it joins if the result is shorter than 13; longer ones would be joined at first use.
  if (length <= 12) return tinyAscii(bytes, at, 8) + tinyAscii(bytes, at + 8, length - 8);
  return readAscii(bytes, at, at + length);
}

function tinyAscii(b: Uint8Array, at: number, length: number): string {
  const c0 = b[at]!;
  if (length < 2) return length === 0 ? "" : fromCharCode(c0);
  const c1 = b[at + 1]!;
  if (length === 2) return fromCharCode(c0, c1);
  const c2 = b[at + 2]!;
  if (length === 3) return fromCharCode(c0, c1, c2);
  const c3 = b[at + 3]!;
  if (length === 4) return fromCharCode(c0, c1, c2, c3);
  const c4 = b[at + 4]!;
  if (length === 5) return fromCharCode(c0, c1, c2, c3, c4);
  const c5 = b[at + 5]!;
  if (length === 6) return fromCharCode(c0, c1, c2, c3, c4, c5);
  const c6 = b[at + 6]!;
  if (length === 7) return fromCharCode(c0, c1, c2, c3, c4, c5, c6);
  return fromCharCode(c0, c1, c2, c3, c4, c5, c6, b[at + 7]!);
}
