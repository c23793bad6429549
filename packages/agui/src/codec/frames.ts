import type { AguiEvent } from "../types.ts";
import { ByteReader, LENGTH, VARINT } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { MalformedEventError } from "./errors.ts";
import { EventEncoder } from "./event-encoder.ts";

/**
 * A frame is one event as every RPC wire carries it: an envelope (flags, one byte; length, four bytes big
 * endian) and a stream item with the event and its sequence. RunAgentResponse, ObserveRunResponse and
 * ObserveSessionResponse have the same layout, so one frame serves all of them. Frames follow each other
 * without gaps, in the log as on the wire.
 */

const ENVELOPE_BYTES = 5;
/** An encoder that grew beyond this gives its memory back when its frames are taken. */
const MAX_KEPT_BYTES = 1 << 20;
/** Flag of an event that has only a JSON form. Such a frame stays on this side of RPC wires. */
const JSON_FLAG = 0x40;
const SEQUENCE_TAG = 1 * 8 + VARINT;
const EVENT_TAG = 3 * 8 + LENGTH;
const JSON_TAG = 15 * 8 + LENGTH;

/** Makes frames, many into one array of bytes. */
export class FrameEncoder {
  readonly #events = new EventEncoder();
  #writer = new ByteWriter();

  /** Adds an event. Throws what encodeEvent throws, and then adds nothing. */
  append(sequence: number, event: AguiEvent): void {
    const writer = this.#writer;
    const start = writer.position;
    try {
      const at = beginFrame(writer, sequence, EVENT_TAG);
      this.#events.write(writer, event);
      endFrame(writer, start, at, 0);
    } catch (error) {
      writer.position = start;
      throw error;
    }
  }

  /** Adds an event that is encoded already. The bytes are taken as they are. */
  appendEncoded(sequence: number, eventBytes: Uint8Array): void {
    const writer = this.#writer;
    const start = writer.position;
    const at = beginFrame(writer, sequence, EVENT_TAG);
    writer.raw(eventBytes);
    endFrame(writer, start, at, 0);
  }

  /** Adds an event that has only a JSON form, as JSON text. */
  appendJson(sequence: number, text: string): void {
    const writer = this.#writer;
    const start = writer.position;
    const at = beginFrame(writer, sequence, JSON_TAG);
    writer.text(text);
    endFrame(writer, start, at, JSON_FLAG);
  }

  /** How many bytes `take` would give. */
  get pendingBytes(): number {
    return this.#writer.position;
  }

  /** Gives the frames added since the last take. They are the caller's: nothing writes to them again. */
  take(): Uint8Array {
    const taken = this.#writer.take();
    if (this.#writer.bytes.length > MAX_KEPT_BYTES) this.#writer = new ByteWriter();
    return taken;
  }
}

/** Leaves room for the envelope and writes the stream item up to its event. Returns the place of its length. */
function beginFrame(writer: ByteWriter, sequence: number, tag: number): number {
  writer.reserve(ENVELOPE_BYTES + 1);
  writer.position += ENVELOPE_BYTES;
  writer.bytes[writer.position++] = SEQUENCE_TAG;
  writer.varint(sequence);
  return writer.beginTagged(tag);
}

function endFrame(writer: ByteWriter, start: number, at: number, flags: number): void {
  writer.endLength(at);
  writer.bytes[start] = flags;
  writeLength(writer.bytes, start + 1, writer.position - start - ENVELOPE_BYTES);
}

/** Writes four bytes big endian. */
export function writeLength(bytes: Uint8Array, at: number, length: number): void {
  bytes[at] = length >>> 24;
  bytes[at + 1] = length >>> 16;
  bytes[at + 2] = length >>> 8;
  bytes[at + 3] = length;
}

/** A frame and where it is. */
export interface Frame {
  sequence: number;
  /** Where the frame begins, with its envelope. */
  frameStart: number;
  /** Where its event begins: an agui.v1.Event, or JSON text in UTF-8. */
  start: number;
  /** Where the event and the frame end. */
  end: number;
  /** Whether the event has only a JSON form. */
  json: boolean;
}

/** Visits frames in order. Throws MalformedEventError if the bytes are not frames made by FrameEncoder. */
export function readFrames(bytes: Uint8Array, visit: (frame: Frame) => void): void {
  const reader = new ByteReader();
  let frameStart = 0;
  while (frameStart < bytes.length) {
    const message = frameStart + ENVELOPE_BYTES;
    if (message > bytes.length) throw new MalformedEventError("a frame that is cut off");
    const length = readLength(bytes, frameStart + 1);
    const end = message + length;
    if (end > bytes.length) throw new MalformedEventError("a frame that is cut off");
    reader.reset(bytes, message, end);
    if (reader.tag() !== SEQUENCE_TAG) throw new MalformedEventError("a frame without sequence");
    const sequence = reader.int64();
    const json = bytes[frameStart] === JSON_FLAG;
    const tag = reader.tag();
    if (tag !== (json ? JSON_TAG : EVENT_TAG) || reader.lengthEnd() !== end) {
      throw new MalformedEventError("a frame without event");
    }
    visit({ sequence, frameStart, start: reader.position, end, json });
    frameStart = end;
  }
}

/** Reads four bytes big endian. */
export function readLength(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
