import { explainEvent } from "../json/explain.ts";
import type { AguiEvent } from "../types.ts";
import { ByteWriter, UnencodableError } from "./byte-writer.ts";
import { DeltaWriter, MAX_DELTA_EVENT_BYTES } from "./delta-writer.ts";
import { UnknownEventTypeError } from "./errors.ts";
import { BASE_FIELDS, EVENT_SHAPES, type EventShape } from "./event-shapes.ts";
import type { StringField } from "./shape.ts";
import { wireFields } from "./wire-fields.ts";
import { type Loose, writeFields, writeStrings } from "./write-fields.ts";

const BASE_WIRE_FIELDS = wireFields(BASE_FIELDS);
const BASE_EVENT = 1 * 8 + 2;
const BASE_TYPE = 1 * 8;

/** Small results are views of shared memory of this size: memory of their own costs many times the encoding. */
const SLAB_BYTES = 8192;
const MAX_SHARED_BYTES = 1024;
/** Scratch space that grew beyond this is given back. */
const MAX_KEPT_BYTES = 1 << 20;

/** Encodes events, one after the other. Not for reentrant use: `toJSON` of a value must not come back to it. */
export class EventEncoder {
  readonly #deltas = new DeltaWriter();
  #slab = new ByteWriter(SLAB_BYTES);
  #scratch = new ByteWriter();

  /**
   * Appends the bytes of an agui.v1.Event to the writer; on an error nothing is appended.
   *
   * Throws UnknownEventTypeError, InvalidEventError with the path of what is wrong, or TooDeepError. What
   * AG-UI does not describe is left out.
   */
  write(writer: ByteWriter, event: AguiEvent): void {
    if (!this.#deltas.write(writer, event)) writeEvent(writer, event);
  }

  /** Encodes an event into bytes that nothing writes to again. Throws as `write`. */
  encode(event: AguiEvent): Uint8Array {
    const slab = this.#freshSlab(MAX_DELTA_EVENT_BYTES);
    const start = slab.position;
    if (this.#deltas.write(slab, event)) return viewOf(slab, start);
    if (EVENT_SHAPES.get(event.type)?.flat === true) {
      writeEvent(slab, event);
      return viewOf(slab, start);
    }
    const scratch = this.#scratch;
    scratch.position = 0;
    writeEvent(scratch, event);
    if (scratch.bytes.length > MAX_KEPT_BYTES) this.#scratch = new ByteWriter();
    return this.#copy(scratch);
  }

  #copy(scratch: ByteWriter): Uint8Array {
    if (scratch.position > MAX_SHARED_BYTES) return scratch.take();
    const slab = this.#freshSlab(scratch.position);
    const start = slab.position;
    slab.raw(scratch.bytes.subarray(0, scratch.position));
    return viewOf(slab, start);
  }

  /** The slab, or another one if there is not so much room, or if it had to grow for an event longer than most. */
  #freshSlab(needed: number): ByteWriter {
    if (this.#slab.position + needed > SLAB_BYTES) this.#slab = new ByteWriter(SLAB_BYTES);
    return this.#slab;
  }
}

function viewOf(slab: ByteWriter, start: number): Uint8Array {
  return new Uint8Array(slab.bytes.buffer, start, slab.position - start);
}

function writeEvent(writer: ByteWriter, event: AguiEvent): void {
  const described = EVENT_SHAPES.get(event.type);
  if (described === undefined) throw new UnknownEventTypeError(String((event as { type: unknown }).type));
  const start = writer.position;
  try {
    writeKnownEvent(writer, described, event as unknown as Loose);
  } catch (error) {
    writer.position = start;
    throw error instanceof UnencodableError ? explainEvent(event) : error;
  }
}

function writeKnownEvent(writer: ByteWriter, described: EventShape, event: Loose): void {
  const body = beginArm(writer, described.arm);
  if (event.timestamp === undefined && event.rawEvent === undefined && event.metadata === undefined) {
    writeBareBase(writer, described.typeNumber);
  } else {
    const base = writer.beginTagged(BASE_EVENT);
    if (described.typeNumber !== 0) writer.twoBytes(BASE_TYPE, described.typeNumber);
    writeFields(writer, BASE_WIRE_FIELDS, event);
    writer.endLength(base);
  }
  if (described.flat) writeStrings(writer, described.wire as readonly StringField[], event);
  else writeFields(writer, described.wire, event);
  writer.endLength(body);
}

/** Writes a base event that says only the type. */
function writeBareBase(writer: ByteWriter, typeNumber: number): void {
  if (typeNumber === 0) {
    writer.twoBytes(BASE_EVENT, 0);
  } else {
    writer.twoBytes(BASE_EVENT, 2);
    writer.twoBytes(BASE_TYPE, typeNumber);
  }
}

/** Begins a field of Event. Those above 15 have a tag of two bytes. */
function beginArm(writer: ByteWriter, arm: number): number {
  const tag = arm * 8 + 2;
  if (tag < 0x80) return writer.beginTagged(tag);
  writer.byte((tag & 0x7f) | 0x80);
  return writer.beginTagged(tag >>> 7);
}
