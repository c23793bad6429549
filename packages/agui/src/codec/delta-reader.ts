import type { AguiEvent } from "../types.ts";
import { BYTES_BEFORE_ID, findDelta, layoutAt } from "./delta-layout.ts";
import type { IdTable } from "./id-table.ts";
import { StringTable } from "./string-table.ts";

/**
 * Reads short deltas, nine events in ten, without the way through the description of their fields.
 */
export class DeltaReader {
  readonly #ids: IdTable;
  readonly #deltas = new StringTable();

  /** @param ids The ids that were read lately. */
  constructor(ids: IdTable) {
    this.#ids = ids;
  }

  /** Reads the event if it is a short delta. Undefined if it is not, or if the bytes are not an event at all. */
  read(bytes: Uint8Array, start: number, end: number): AguiEvent | undefined {
    const layout = layoutAt(bytes, start);
    if (layout === undefined) return undefined;
    const deltaStart = findDelta(bytes, start, end, layout);
    if (deltaStart === 0) return undefined;
    const idStart = start + layout.armTagBytes + BYTES_BEFORE_ID;
    const id = this.#ids.read(bytes, idStart, idStart + bytes[idStart - 1]!);
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
}
