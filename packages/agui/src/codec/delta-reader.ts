import type { AguiEvent } from "../types.ts";
import { BYTES_BEFORE_ID, findDelta, layoutAt } from "./delta-layout.ts";
import { readUtf8 } from "./native-strings.ts";
import { StringTable, sameBytes } from "./string-table.ts";

/**
 * Reads short deltas, nine events in ten, without the way through the description of their fields. It remembers
 * the last id, which the next delta most likely repeats.
 */
export class DeltaReader {
  #id = "";
  #idLength = 0;
  readonly #idBytes = new Uint8Array(0x80);
  readonly #deltas = new StringTable();

  /** Reads the event if it is a short delta. Undefined if it is not, or if the bytes are not an event at all. */
  read(bytes: Uint8Array, start: number, end: number): AguiEvent | undefined {
    const layout = layoutAt(bytes, start);
    if (layout === undefined) return undefined;
    const deltaStart = findDelta(bytes, start, end, layout);
    if (deltaStart === 0) return undefined;
    const idStart = start + layout.armTagBytes + BYTES_BEFORE_ID;
    const id = this.#readId(bytes, idStart, bytes[idStart - 1]!);
    const delta = this.#deltas.read(bytes, deltaStart, end);
    switch (layout.type) {
      case "TEXT_MESSAGE_CONTENT":
        return { type: "TEXT_MESSAGE_CONTENT", messageId: id, delta };
      case "TOOL_CALL_ARGS":
        return { type: "TOOL_CALL_ARGS", toolCallId: id, delta };
      case "REASONING_MESSAGE_CONTENT":
        return { type: "REASONING_MESSAGE_CONTENT", messageId: id, delta };
    }
  }

  #readId(bytes: Uint8Array, start: number, length: number): string {
    if (length === this.#idLength && sameBytes(this.#idBytes, 0, bytes, start, length)) return this.#id;
    this.#id = readUtf8(bytes, start, start + length);
    this.#idLength = length;
    for (let i = 0; i < length; i++) this.#idBytes[i] = bytes[start + i]!;
    return this.#id;
  }
}
