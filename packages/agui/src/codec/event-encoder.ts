import { explainEvent } from "../json/explain.ts";
import type { AguiEvent } from "../types.ts";
import { type ByteWriter, UnencodableError } from "./byte-writer.ts";
import { UnknownEventTypeError } from "./errors.ts";
import { BASE_FIELDS, EVENT_SHAPES, type EventShape } from "./event-shapes.ts";
import { wireFields } from "./wire-fields.ts";
import { type Loose, writeFields } from "./write-fields.ts";

const BASE_WIRE_FIELDS = wireFields(BASE_FIELDS);

/**
 * Appends the bytes of an agui.v1.Event to the writer; on an error nothing is appended.
 *
 * Throws UnknownEventTypeError, InvalidEventError with the path of what is wrong, or TooDeepError. What AG-UI
 * does not describe is left out.
 */
export function writeEvent(writer: ByteWriter, event: AguiEvent): void {
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
  writer.lengthTag(described.arm);
  const body = writer.beginLength();
  writer.lengthTag(1);
  const base = writer.beginLength();
  if (described.typeNumber !== 0) {
    writer.varint(8);
    writer.varint(described.typeNumber);
  }
  writeFields(writer, BASE_WIRE_FIELDS, event);
  writer.endLength(base);
  writeFields(writer, described.wire, event);
  writer.endLength(body);
}
