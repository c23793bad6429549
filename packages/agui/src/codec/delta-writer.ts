import type { AguiEvent } from "../types.ts";
import {
  ARGS_LAYOUT,
  type DeltaEvent,
  type DeltaLayout,
  REASONING_LAYOUT,
  TEXT_LAYOUT,
} from "./delta-layout.ts";
import { writeUtf8 } from "./native-strings.ts";

/** Longest delta, in UTF-16 units, that is worth to be tried: longer ones do not need to be fast. */
const MAX_DELTA = 42;
/** Longest id in UTF-8: its length takes one byte. */
const MAX_ID_BYTES = 0x7f;
/** Longest event that is written: all lengths in it, and its own, take one byte. */
const MAX_BYTES = 0x7f;
/** Tags, lengths, base event with timestamp. */
const OVERHEAD = 32;
/** So much room `write` needs, whatever comes of it. */
export const DELTA_ROOM = MAX_ID_BYTES + MAX_DELTA * 3 + OVERHEAD;

// A string has one of many internal forms, and V8 looks up its methods anew for each once it has seen five of them.
// This way it need not.
const { charCodeAt } = String.prototype;
const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * Writes short deltas, nine events in ten, without the way through the description of their fields. It
 * remembers the bytes of the last id, which the next delta most likely repeats.
 */
export class DeltaWriter {
  #id = "";
  /** The length of the id and its bytes: a part of the memory. */
  #idBytes = NOTHING;
  #memory: Uint8Array | undefined;

  /**
   * Writes the event if it is a short delta and nothing but that, and returns where it ends. Otherwise returns 0.
   * The caller guarantees DELTA_ROOM.
   */
  write(bytes: Uint8Array, start: number, event: AguiEvent): number {
    switch (event.type) {
      case "TEXT_MESSAGE_CONTENT":
        return this.#write(bytes, start, event, event.messageId, TEXT_LAYOUT);
      case "TOOL_CALL_ARGS":
        return this.#write(bytes, start, event, event.toolCallId, ARGS_LAYOUT);
      case "REASONING_MESSAGE_CONTENT":
        return this.#write(bytes, start, event, event.messageId, REASONING_LAYOUT);
      default:
        return 0;
    }
  }

  #write(bytes: Uint8Array, start: number, event: DeltaEvent, id: string, layout: DeltaLayout): number {
    const { delta } = event;
    if (typeof delta !== "string" || delta.length === 0 || delta.length > MAX_DELTA) return 0;
    if (event.rawEvent !== undefined || event.metadata !== undefined || event.subagentRunId !== undefined)
      return 0;
    if (id !== this.#id && !this.#remember(id)) return 0;
    let at = start;
    if (layout.armTagBytes === 2) {
      bytes[at++] = (layout.armTag & 0x7f) | 0x80;
      bytes[at++] = layout.armTag >>> 7;
    } else bytes[at++] = layout.armTag;
    const length = at++;
    at = writeBase(bytes, at, layout.typeNumber, event.timestamp);
    if (at === 0) return 0;
    bytes[at++] = layout.idTag;
    const idBytes = this.#idBytes;
    bytes.set(idBytes, at);
    at += idBytes.length;
    bytes[at++] = layout.deltaTag;
    at = writeShort(bytes, at, delta);
    if (at - start > MAX_BYTES) return 0;
    bytes[length] = at - length - 1;
    return at;
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

/** Writes the base event and returns where it ends, or 0 if the timestamp is none that is written here. */
function writeBase(bytes: Uint8Array, start: number, typeNumber: number, timestamp: unknown): number {
  bytes[start] = 0x0a;
  bytes[start + 2] = 0x08;
  bytes[start + 3] = typeNumber;
  let at = start + 4;
  if (timestamp !== undefined) {
    if (!Number.isSafeInteger(timestamp) || (timestamp as number) < 0) return 0;
    bytes[at++] = 0x10;
    let rest = timestamp as number;
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80;
    bytes[at++] = rest;
  }
  bytes[start + 1] = at - start - 2;
  return at;
}

/** Writes a string of less than 128 bytes with its length. Returns where it ends. */
function writeShort(bytes: Uint8Array, at: number, text: string): number {
  const { length } = text;
  const start = at + 1;
  for (let i = 0; i < length; i++) {
    const unit = charCodeAt.call(text, i);
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
