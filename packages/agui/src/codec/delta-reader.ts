import type { AguiEvent } from "../types.ts";
import { EVENT_SHAPES } from "./event-shapes.ts";
import { readUtf8 } from "./native-strings.ts";
import { StringTable, sameBytes } from "./string-table.ts";

const TEXT = EVENT_SHAPES.get("TEXT_MESSAGE_CONTENT")!;
const ARGS = EVENT_SHAPES.get("TOOL_CALL_ARGS")!;
const REASONING = EVENT_SHAPES.get("REASONING_MESSAGE_CONTENT")!;

const TEXT_TAG = TEXT.arm * 8 + 2;
const ARGS_TAG = ARGS.arm * 8 + 2;
/** Two bytes. */
const REASONING_TAG_LOW = ((REASONING.arm * 8 + 2) & 0x7f) | 0x80;
const REASONING_TAG_HIGH = (REASONING.arm * 8 + 2) >>> 7;

/**
 * Reads short deltas, nine events in ten, without the way through the description of their fields. It remembers
 * the last id, which the next delta most likely repeats.
 */
export class DeltaReader {
  #id = "";
  #idLength = 0;
  readonly #idBytes = new Uint8Array(0x80);
  readonly #deltas = new StringTable();

  /**
   * Reads the event if it is a short delta with nothing but type, id and delta, written as encoders write it.
   * Undefined if it is not, or if the bytes are not an event at all.
   */
  read(bytes: Uint8Array, start: number, end: number): AguiEvent | undefined {
    if (end > bytes.length) return undefined;
    switch (bytes[start]) {
      case TEXT_TAG:
        return this.#read(bytes, start + 1, end, TEXT.typeNumber, 0x12, 0x1a);
      case ARGS_TAG:
        return this.#read(bytes, start + 1, end, ARGS.typeNumber, 0x12, 0x1a);
      case REASONING_TAG_LOW:
        if (bytes[start + 1] !== REASONING_TAG_HIGH) return undefined;
        return this.#read(bytes, start + 2, end, REASONING.typeNumber, 0x1a, 0x22);
      default:
        return undefined;
    }
  }

  #read(
    bytes: Uint8Array,
    start: number,
    end: number,
    typeNumber: number,
    idTag: number,
    deltaTag: number,
  ): AguiEvent | undefined {
    // Event length, base event of one field, id: all with lengths of one byte, or the comparisons fail.
    if (bytes[start] !== end - start - 1 || end - start > 0x80) return undefined;
    const idLength = bytes[start + 6]!;
    const deltaAt = start + 7 + idLength;
    if (
      bytes[start + 1] !== 0x0a ||
      bytes[start + 2] !== 2 ||
      bytes[start + 3] !== 0x08 ||
      bytes[start + 4] !== typeNumber ||
      bytes[start + 5] !== idTag ||
      deltaAt + 2 > end ||
      bytes[deltaAt] !== deltaTag ||
      bytes[deltaAt + 1] !== end - deltaAt - 2
    ) {
      return undefined;
    }
    const id = this.#readId(bytes, start + 7, idLength);
    const delta = this.#deltas.read(bytes, deltaAt + 2, end);
    if (typeNumber === TEXT.typeNumber) return { type: "TEXT_MESSAGE_CONTENT", messageId: id, delta };
    if (typeNumber === ARGS.typeNumber) return { type: "TOOL_CALL_ARGS", toolCallId: id, delta };
    return { type: "REASONING_MESSAGE_CONTENT", messageId: id, delta };
  }

  #readId(bytes: Uint8Array, start: number, length: number): string {
    if (length === this.#idLength && sameBytes(this.#idBytes, 0, bytes, start, length)) return this.#id;
    this.#id = readUtf8(bytes, start, start + length);
    this.#idLength = length;
    for (let i = 0; i < length; i++) this.#idBytes[i] = bytes[start + i]!;
    return this.#id;
  }
}
