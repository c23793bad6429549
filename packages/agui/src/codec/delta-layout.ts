import type { ReasoningMessageContentEvent, TextMessageContentEvent, ToolCallArgsEvent } from "../types.ts";
import { EVENT_SHAPES } from "./event-shapes.ts";

/** The events that make up most of a stream. */
export type DeltaEvent = TextMessageContentEvent | ToolCallArgsEvent | ReasoningMessageContentEvent;

/** Where the bytes of such an event are what. */
export interface DeltaLayout {
  type: DeltaEvent["type"];
  typeNumber: number;
  /** The name of its id in JSON. */
  idName: "messageId" | "toolCallId";
  /** The tag of the event itself, and how many bytes it takes. */
  armTag: number;
  armTagBytes: number;
  idTag: number;
  deltaTag: number;
}

function layoutOf(type: DeltaEvent["type"], idName: "messageId" | "toolCallId"): DeltaLayout {
  const { arm, typeNumber, wire } = EVENT_SHAPES.get(type)!;
  const tagOf = (name: string): number => wire.find((field) => field.name === name)!.number * 8 + 2;
  return {
    type,
    typeNumber,
    idName,
    armTag: arm * 8 + 2,
    armTagBytes: arm > 15 ? 2 : 1,
    idTag: tagOf(idName),
    deltaTag: tagOf("delta"),
  };
}

export const TEXT_LAYOUT = layoutOf("TEXT_MESSAGE_CONTENT", "messageId");
export const ARGS_LAYOUT = layoutOf("TOOL_CALL_ARGS", "toolCallId");
export const REASONING_LAYOUT = layoutOf("REASONING_MESSAGE_CONTENT", "messageId");

/** The layout that an event with these first bytes has, if it is a delta. */
export function layoutAt(bytes: Uint8Array, start: number): DeltaLayout | undefined {
  switch (bytes[start]) {
    case 0x12:
      return TEXT_LAYOUT;
    case 0x2a:
      return ARGS_LAYOUT;
    case 0xda:
      return bytes[start + 1] === 0x01 ? REASONING_LAYOUT : undefined;
    default:
      return undefined;
  }
}

/** From the end of the tag to the id: length, base event with the type alone, tag and length of the id. */
export const BYTES_BEFORE_ID = 7;

/**
 * Where the delta's text begins, if the event from `start` to `end` is a short one with nothing but type, id and
 * delta, written as encoders write it: all lengths take one byte. Otherwise 0.
 */
export function findDelta(bytes: Uint8Array, start: number, end: number, layout: DeltaLayout): number {
  const at = start + layout.armTagBytes;
  if (end > bytes.length || bytes[at] !== end - at - 1 || end - at > 0x80) return 0;
  if (bytes[at + 1] !== 0x0a || bytes[at + 2] !== 2 || bytes[at + 3] !== 0x08) return 0;
  if (bytes[at + 4] !== layout.typeNumber || bytes[at + 5] !== layout.idTag) return 0;
  const deltaAt = at + 7 + bytes[at + 6]!;
  if (deltaAt + 2 > end || bytes[deltaAt] !== layout.deltaTag || bytes[deltaAt + 1] !== end - deltaAt - 2) {
    return 0;
  }
  return deltaAt + 2;
}
