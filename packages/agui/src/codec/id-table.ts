import { readUtf8 } from "./native-strings.ts";
import { sameBytes } from "./string-table.ts";

const MAX_LENGTH = 64;
/** A power of two. */
const SLOTS = 64;

/**
 * Reads ids, which all events of an entity repeat: one that was read lately is found again instead of made again,
 * and is the same string. Holds at most SLOTS ids of up to MAX_LENGTH bytes.
 */
export class IdTable {
  readonly #ids: string[] = new Array(SLOTS).fill("");
  readonly #lengths = new Uint8Array(SLOTS);
  readonly #bytes = new Uint8Array(SLOTS * MAX_LENGTH);

  /** Reads UTF-8. The range is inside the bytes. */
  read(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    if (length > MAX_LENGTH || length < 4) return readUtf8(bytes, start, end);
    // Ids differ at their end, if anywhere.
    const hash = (bytes[end - 1]! * 7) ^ (bytes[end - 2]! * 31) ^ (bytes[end - 3]! * 5) ^ (bytes[start]! * 3);
    const slot = (hash ^ (hash >>> 6)) & (SLOTS - 1);
    if (this.#lengths[slot] === length && sameBytes(this.#bytes, slot * MAX_LENGTH, bytes, start, length)) {
      return this.#ids[slot]!;
    }
    const id = readUtf8(bytes, start, end);
    this.#ids[slot] = id;
    this.#lengths[slot] = length;
    for (let i = 0; i < length; i++) this.#bytes[slot * MAX_LENGTH + i] = bytes[start + i]!;
    return id;
  }
}
