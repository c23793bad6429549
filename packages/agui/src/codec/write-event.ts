import { explainEvent } from "../json/explain.ts";
import type { AguiEvent } from "../types.ts";
import { type ByteWriter, UnencodableError } from "./byte-writer.ts";
import { UnknownEventTypeError } from "./errors.ts";
import { BASE_FIELDS, EVENT_SHAPES, type EventShape } from "./event-shapes.ts";
import type { StringField } from "./shape.ts";
import { wireFields } from "./wire-fields.ts";
import { type Loose, writeFields, writeStrings } from "./write-fields.ts";

const BASE_WIRE_FIELDS = wireFields(BASE_FIELDS);
const BASE_EVENT = 1 * 8 + 2;
const BASE_TYPE = 1 * 8;

/**
 * Appends the bytes of an agui.v1.Event to the writer; on an error nothing is appended.
 *
 * Throws UnknownEventTypeError, InvalidEventError with the path of what is wrong, or TooDeepError. What AG-UI
 * does not describe is left out.
 */
export function writeAnyEvent(writer: ByteWriter, event: AguiEvent): void {
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
