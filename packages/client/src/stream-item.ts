import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { type AguiEvent, decodeEvent, UnknownEventTypeError } from "@dragoman/agui";
import { CaughtUpSchema, type Heartbeat, HeartbeatSchema } from "@dragoman/contract/agent/v1/stream_pb";

/** An event of a run or session, as a client gets it. */
export interface ClientEvent {
  readonly event: AguiEvent;
  /** Its place in the log of its session, from 1 without gaps. Undefined in a prelude, which has no place. */
  readonly sequence: number | undefined;
  /** The event as an `agui.v1.Event` message, where the caller asked for it. A view of a larger buffer. */
  readonly bytes: Uint8Array | undefined;
}

/** An item of a stream that is an event. */
export interface EventItem extends ClientEvent {
  readonly kind: "event";
}

/** Nothing happened for a while, but the stream is alive. */
export interface HeartbeatItem {
  readonly kind: "heartbeat";
  /** The sequence up to which everything was sent. Zero before the first event. */
  readonly headSequence: number;
}

/** The prelude of a stream that began with a snapshot is over. */
export interface CaughtUpItem {
  readonly kind: "caughtUp";
  /** The sequence that the prelude stands for. */
  readonly sequence: number;
}

/** An item or event of a kind that this client does not know: to be skipped. It may still have a place. */
export interface UnknownItem {
  readonly kind: "unknown";
  readonly sequence: number | undefined;
}

/** One item of the stream of RunAgent, ObserveRun or ObserveSession; all three have one layout. */
export type StreamItem = EventItem | HeartbeatItem | CaughtUpItem | UnknownItem;

/** What an item says besides itself: the log that its stream is of, on the first item only. */
export interface ItemContext {
  logId: string;
}

const field = { sequence: 1, logId: 2, event: 3, heartbeat: 4, caughtUp: 5 } as const;
const sequenceTag = (field.sequence << 3) | WireType.Varint;
const eventTag = (field.event << 3) | WireType.LengthDelimited;

/**
 * Decodes the item in `bytes[start, end)`. Nearly all are a sequence and an event, and take the short way;
 * the rest goes by the general rules of protobuf.
 *
 * @param keepBytes Whether events keep their bytes.
 * @throws {Error} if the bytes are no such message.
 */
export function decodeItem(
  bytes: Uint8Array,
  start: number,
  end: number,
  keepBytes: boolean,
  context: ItemContext,
): StreamItem {
  if (bytes[start] !== sequenceTag) return decodeAnyItem(bytes.subarray(start, end), keepBytes, context);
  let offset = start + 1;
  let sequence = bytes[offset++] as number;
  if (sequence > 0x7f) {
    sequence &= 0x7f;
    let factor = 0x80;
    for (let byte = 0x80; byte > 0x7f && offset < end; factor *= 0x80) {
      byte = bytes[offset++] as number;
      sequence += (byte & 0x7f) * factor;
    }
  }
  if (bytes[offset] !== eventTag) return decodeAnyItem(bytes.subarray(start, end), keepBytes, context);
  let length = bytes[offset + 1] as number;
  offset += 2;
  if (length > 0x7f) {
    length &= 0x7f;
    for (let shift = 7, byte = 0x80; byte > 0x7f && shift < 35 && offset < end; shift += 7) {
      byte = bytes[offset++] as number;
      length += (byte & 0x7f) * 2 ** shift;
    }
  }
  if (offset + length !== end) return decodeAnyItem(bytes.subarray(start, end), keepBytes, context);
  return eventItem(bytes, offset, end, sequence, keepBytes);
}

function eventItem(
  bytes: Uint8Array,
  start: number,
  end: number,
  sequence: number | undefined,
  keepBytes: boolean,
): EventItem | UnknownItem {
  let event: AguiEvent;
  try {
    event = decodeEvent(bytes, start, end);
  } catch (error) {
    if (error instanceof UnknownEventTypeError) return { kind: "unknown", sequence };
    throw error;
  }
  return { kind: "event", sequence, event, bytes: keepBytes ? bytes.subarray(start, end) : undefined };
}

function decodeAnyItem(message: Uint8Array, keepBytes: boolean, context: ItemContext): StreamItem {
  const reader = new BinaryReader(message);
  let sequence: number | undefined;
  let item: { number: number; bytes: Uint8Array } | undefined;
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === field.sequence && wireType === WireType.Varint) sequence = Number(reader.int64());
    else if (number === field.logId && wireType === WireType.LengthDelimited) context.logId = reader.string();
    else if (number >= field.event && wireType === WireType.LengthDelimited) {
      item = { number, bytes: reader.bytes() };
    } else reader.skip(wireType, number);
  }
  switch (item?.number) {
    case field.event:
      return eventItem(item.bytes, 0, item.bytes.length, sequence, keepBytes);
    case field.heartbeat:
      return heartbeatItem(fromBinary(HeartbeatSchema, item.bytes));
    case field.caughtUp:
      return { kind: "caughtUp", sequence: Number(fromBinary(CaughtUpSchema, item.bytes).sequence) };
    default:
      return { kind: "unknown", sequence };
  }
}

/** The item for a heartbeat. */
export function heartbeatItem(heartbeat: Heartbeat): HeartbeatItem {
  return { kind: "heartbeat", headSequence: Number(heartbeat.headSequence) };
}
