import { readAscii, readUtf8 } from "./native-strings.ts";

const { fromCharCode } = String;

/** Makes a short string out of bytes that are ASCII; a call of the platform costs more than that. */
function shortAscii(b: Uint8Array, at: number, length: number): string {
  const [c0, c1, c2, c3] = [b[at]!, b[at + 1]!, b[at + 2]!, b[at + 3]!];
  switch (length) {
    case 0:
      return "";
    case 1:
      return fromCharCode(c0);
    case 2:
      return fromCharCode(c0, c1);
    case 3:
      return fromCharCode(c0, c1, c2);
    case 4:
      return fromCharCode(c0, c1, c2, c3);
    case 5:
      return fromCharCode(c0, c1, c2, c3, b[at + 4]!);
    case 6:
      return fromCharCode(c0, c1, c2, c3, b[at + 4]!, b[at + 5]!);
    case 7:
      return fromCharCode(c0, c1, c2, c3, b[at + 4]!, b[at + 5]!, b[at + 6]!);
    case 8:
      return fromCharCode(c0, c1, c2, c3, b[at + 4]!, b[at + 5]!, b[at + 6]!, b[at + 7]!);
    default:
      return readAscii(b, at, at + length);
  }
}

/** Whether a string is what these bytes say, if they are ASCII. */
export function isAscii(text: string, bytes: Uint8Array, start: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

/** Longer strings seldom repeat. */
const MAX_LENGTH = 24;
/** A power of two. */
const SLOTS = 2048;

/**
 * Reads strings of which many repeat, such as keys and words: one that was read lately is found again instead
 * of made again. Holds at most SLOTS strings of up to MAX_LENGTH characters.
 */
export class StringTable {
  readonly #strings: string[] = new Array(SLOTS).fill("");

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
    const known = this.#strings[slot]!;
    if (isAscii(known, bytes, start, length)) return known;
    const made = shortAscii(bytes, start, length);
    this.#strings[slot] = made;
    return made;
  }
}
