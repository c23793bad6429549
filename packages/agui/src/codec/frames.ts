import type { AguiEvent } from "../types.ts";
import { ByteWriter } from "./byte-writer.ts";
import { DELTA_ROOM, DeltaWriter } from "./delta-writer.ts";
import { MalformedEventError } from "./errors.ts";
import { writeAnyEvent } from "./write-event.ts";

/**
 * A frame is one event as every RPC wire carries it: an envelope (flags, one byte; length, four bytes big
 * endian) and a stream item with the event and its sequence. RunAgentResponse, ObserveRunResponse and
 * ObserveSessionResponse have the same layout, so one frame serves all of them. Frames follow each other
 * without gaps, in the log as on the wire.
 */

const ENVELOPE_BYTES = 5;
/** What a frame takes at most before its event: envelope, sequence of nine bytes, tags, one byte of length. */
const HEAD_ROOM = 20;
/** An encoder that grew beyond this gives its memory back when its frames are taken. */
const MAX_KEPT_BYTES = 1 << 20;
/** Flag of an event that has only a JSON form. Such a frame stays on this side of RPC wires. */
const JSON_FLAG = 0x40;
const LINE_BREAKS = /[\r\n]+/g;
// Tags of the stream item: its sequence, its event, and the JSON text that no contract has (field 15).
const SEQUENCE_TAG = 0x08;
const EVENT_TAG = 0x1a;
const JSON_TAG = 0x7a;

/** Makes frames, many into one array of bytes. */
export class FrameEncoder {
  readonly #deltas = new DeltaWriter();
  #writer = new ByteWriter();

  /** Adds an event. Throws what encodeEvent throws, and then adds nothing. */
  append(sequence: number, event: AguiEvent): void {
    const writer = this.#writer;
    const start = writer.position;
    writer.reserve(HEAD_ROOM + DELTA_ROOM);
    const at = writeHead(writer.bytes, start, sequence, EVENT_TAG);
    const end = this.#deltas.write(writer.bytes, at, event);
    if (end > 0) {
      writer.bytes[at - 1] = end - at;
      writeLength(writer.bytes, start + 1, end - start - ENVELOPE_BYTES);
      writer.position = end;
    } else this.#appendAny(start, at, event);
  }

  #appendAny(start: number, at: number, event: AguiEvent): void {
    const writer = this.#writer;
    writer.position = at;
    try {
      writeAnyEvent(writer, event);
    } catch (error) {
      writer.position = start;
      throw error;
    }
    endFrame(writer, start, at);
  }

  /** Adds an event that is encoded already. The bytes are taken as they are. */
  appendEncoded(sequence: number, eventBytes: Uint8Array): void {
    const writer = this.#writer;
    const start = writer.position;
    writer.reserve(HEAD_ROOM);
    const at = writeHead(writer.bytes, start, sequence, EVENT_TAG);
    writer.position = at;
    writer.raw(eventBytes);
    endFrame(writer, start, at);
  }

  /** Adds an event that has only a JSON form, as JSON text. Line breaks, which are white space there, become spaces. */
  appendJson(sequence: number, text: string): void {
    const writer = this.#writer;
    const start = writer.position;
    writer.reserve(HEAD_ROOM);
    const at = writeHead(writer.bytes, start, sequence, JSON_TAG);
    writer.bytes[start] = JSON_FLAG;
    writer.position = at;
    writer.text(text.replace(LINE_BREAKS, " "));
    endFrame(writer, start, at);
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

/**
 * Writes a frame up to its event: room for the envelope, the sequence, the event's tag and one byte for its length.
 * Returns where the event begins.
 */
function writeHead(bytes: Uint8Array, start: number, sequence: number, tag: number): number {
  bytes[start] = 0;
  let at = start + ENVELOPE_BYTES;
  bytes[at++] = SEQUENCE_TAG;
  let rest = sequence;
  for (; rest > 0x7fffffff; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80;
  for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  bytes[at] = tag;
  return at + 2;
}

function endFrame(writer: ByteWriter, start: number, eventStart: number): void {
  writer.endLength(eventStart - 1);
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

/**
 * Visits frames in order. The frame that is handed out is the same object each time: copy what outlives the
 * visit. Throws MalformedEventError if the bytes are not frames made by FrameEncoder.
 */
export function readFrames(bytes: Uint8Array, visit: (frame: Frame) => void): void {
  const frame: Frame = { sequence: 0, frameStart: 0, start: 0, end: 0, json: false };
  for (let frameStart = 0; frameStart < bytes.length; frameStart = frame.end) {
    readFrame(bytes, frameStart, frame);
    visit(frame);
  }
}

/** Reads the frame at a place into `frame`: a sequence, an event or JSON text, and nothing else. */
function readFrame(bytes: Uint8Array, frameStart: number, frame: Frame): void {
  const message = frameStart + ENVELOPE_BYTES;
  if (message > bytes.length) throw new MalformedEventError("a frame that is cut off");
  const end = message + readLength(bytes, frameStart + 1);
  if (end > bytes.length) throw new MalformedEventError("a frame that is cut off");
  if (bytes[message] !== SEQUENCE_TAG) throw new MalformedEventError("a frame without sequence");
  let at = message + 1;
  let sequence = 0;
  for (let factor = 1; ; factor *= 0x80) {
    const byte = bytes[at++]!;
    sequence += (byte & 0x7f) * factor;
    if (byte < 0x80) break;
    if (at >= end || factor >= 2 ** 49) throw new MalformedEventError("a frame without sequence");
  }
  const json = bytes[frameStart] === JSON_FLAG;
  if (bytes[at++] !== (json ? JSON_TAG : EVENT_TAG)) throw new MalformedEventError("a frame without event");
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
    if (at >= end || shift >= 28) throw new MalformedEventError("a frame without event");
  }
  if (at + length !== end) throw new MalformedEventError("a frame without event");
  frame.sequence = sequence;
  frame.frameStart = frameStart;
  frame.start = at;
  frame.end = end;
  frame.json = json;
}

/** Reads four bytes big endian. */
export function readLength(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
