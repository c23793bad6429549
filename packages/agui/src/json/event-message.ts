import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BaseEventSchema } from "@dragoman/contract/agui/v1/base_event_pb";
import { type Event, EventSchema } from "@dragoman/contract/agui/v1/event_pb";
import { decodeEvent, encodeEvent } from "../codec/binary.ts";
import { EVENT_SHAPES_BY_ARM } from "../codec/event-shapes.ts";
import type { AguiEvent } from "../types.ts";

/** Turns an event into the contract's message. Throws what encodeEvent throws. */
export function eventToMessage(event: AguiEvent): Event {
  return fromBinary(EventSchema, encodeEvent(event));
}

/**
 * Turns the contract's message into an event. Throws what decodeEvent throws, except that a base event may be
 * missing: the field in use says the type, and who fills messages by hand forgets to repeat it.
 */
export function eventFromMessage(message: Event): AguiEvent {
  return decodeEvent(toBinary(EventSchema, withBaseEvent(message)));
}

function withBaseEvent(message: Event): Event {
  const { event } = message;
  if (event.case === undefined || event.value.baseEvent !== undefined) return message;
  const { number } = EventSchema.field[event.case] ?? { number: 0 };
  const type = EVENT_SHAPES_BY_ARM[number]?.typeNumber ?? 0;
  const value = { ...event.value, baseEvent: create(BaseEventSchema, { type }) };
  return { ...message, event: { case: event.case, value } as Event["event"] };
}
