import type { AguiEvent } from "../types.ts";
import type { ByteWriter } from "./byte-writer.ts";
import {
  ARGS_LAYOUT,
  type DeltaEvent,
  type DeltaLayout,
  REASONING_LAYOUT,
  TEXT_LAYOUT,
} from "./delta-layout.ts";
import { writeUtf8 } from "./native-strings.ts";

/** Longest delta, in UTF-16 units, whose UTF-8 has a length of one byte in any case. */
const MAX_DELTA = 42;
/** Longest id in UTF-8: its length takes one byte. */
const MAX_ID_BYTES = 0x7f;
/** Bytes of a delta event beside its id and delta, at most: tags, lengths, base event with timestamp. */
const OVERHEAD = 32;
/** What one event of this kind takes at most. */
export const MAX_DELTA_EVENT_BYTES = MAX_DELTA * 3 + MAX_ID_BYTES + OVERHEAD;

const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * Writes short deltas, nine events in ten, without the way through the description of their fields. It
 * remembers the bytes of the last id, which the next delta most likely repeats.
 */
export class DeltaWriter {
  #id = "";
  /** The length of the id and its bytes: a part of the memory. */
  #idBytes: Uint8Array = NOTHING;
  #memory: Uint8Array | undefined;

  /** Writes the event if it is a short delta and nothing but that. Otherwise writes nothing and says false. */
  write(writer: ByteWriter, event: AguiEvent): boolean {
    switch (event.type) {
      case "TEXT_MESSAGE_CONTENT":
        return this.#delta(writer, event, event.messageId, TEXT_LAYOUT);
      case "TOOL_CALL_ARGS":
        return this.#delta(writer, event, event.toolCallId, ARGS_LAYOUT);
      case "REASONING_MESSAGE_CONTENT":
        return this.#delta(writer, event, event.messageId, REASONING_LAYOUT);
      default:
        return false;
    }
  }

  #delta(writer: ByteWriter, event: DeltaEvent, id: string, layout: DeltaLayout): boolean {
    const { delta, timestamp } = event;
    if (event.rawEvent !== undefined || event.metadata !== undefined || event.subagentRunId !== undefined) {
      return false;
    }
    if (typeof delta !== "string" || delta.length === 0 || delta.length > MAX_DELTA) return false;
    if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) return false;
    if (id !== this.#id && !this.#remember(id)) return false;
    writer.reserve(MAX_DELTA_EVENT_BYTES);
    const length = beginDelta(writer, layout, timestamp);
    const { bytes } = writer;
    bytes[writer.position] = layout.idTag;
    bytes.set(this.#idBytes, writer.position + 1);
    writer.position += this.#idBytes.length + 1;
    bytes[writer.position++] = layout.deltaTag;
    writer.position = writeShort(bytes, writer.position, delta);
    writer.endLength(length);
    return true;
  }

  /** Takes over an id, if it is one that fits the short form. */
  #remember(id: string): boolean {
    if (typeof id !== "string" || id === "" || id.length > MAX_ID_BYTES) return false;
    this.#id = "";
    this.#memory ??= new Uint8Array(MAX_ID_BYTES * 3 + 1);
    const end = writeShort(this.#memory, 0, id);
    if (end - 1 > MAX_ID_BYTES) return false;
    this.#idBytes = this.#memory.subarray(0, end);
    this.#id = id;
    return true;
  }
}

/** Writes the tag of the event and its base event. Returns the place of the event's length. */
function beginDelta(writer: ByteWriter, layout: DeltaLayout, timestamp: number | undefined): number {
  const { bytes } = writer;
  let at = writer.position;
  if (layout.armTag > 0x7f) {
    bytes[at++] = (layout.armTag & 0x7f) | 0x80;
    bytes[at++] = layout.armTag >>> 7;
  } else bytes[at++] = layout.armTag;
  const length = at++;
  bytes[at++] = 0x0a;
  const baseLength = at++;
  bytes[at++] = 0x08;
  bytes[at++] = layout.typeNumber;
  writer.position = at;
  if (timestamp !== undefined) {
    bytes[writer.position++] = 0x10;
    writer.varint(timestamp);
  }
  bytes[baseLength] = writer.position - baseLength - 1;
  return length;
}

/** Writes a string of less than 128 bytes with its length. Returns where it ends. */
function writeShort(bytes: Uint8Array, at: number, text: string): number {
  const { length } = text;
  const start = at + 1;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) {
      const written = writeUtf8(bytes, text, start);
      bytes[at] = written;
      return start + written;
    }
    bytes[start + i] = unit;
  }
  bytes[at] = length;
  return start + length;
}
