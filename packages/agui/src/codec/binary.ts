import type { AguiEvent } from "../types.ts";
import { EventDecoder } from "./event-decoder.ts";
import { EventEncoder } from "./event-encoder.ts";

const decoder = new EventDecoder();
/** The encoder of encodeEvent while no call uses it: a `toJSON` that encodes events gets another one. */
let idleEncoder: EventEncoder | undefined;

/**
 * Encodes an event as AG-UI's binary form, an agui.v1.Event. Byte-compatible with @ag-ui/proto 1.0.
 *
 * Throws InvalidEventError with the path of what is wrong, UnknownEventTypeError, or TooDeepError. Null and
 * undefined in place of optional fields mean absent; what AG-UI does not describe is left out. Nothing writes
 * to the result again, but its buffer may hold other events too: copy it before you transfer it.
 */
export function encodeEvent(event: AguiEvent): Uint8Array {
  const encoder = idleEncoder ?? new EventEncoder();
  idleEncoder = undefined;
  const bytes = encoder.encode(event);
  idleEncoder = encoder;
  return bytes;
}

/**
 * Decodes an event from AG-UI's binary form, from `start` up to `end`. Throws MalformedEventError, or
 * UnknownEventTypeError for an event of a later version; fields of a later version are left out.
 *
 * The result is what the sender wrote: roles, outcomes and patch operations that AG-UI 1.0 does not have stay
 * as they are. Where that matters, give the result to `parseEvent`.
 */
export function decodeEvent(bytes: Uint8Array, start = 0, end = bytes.length): AguiEvent {
  return decoder.decode(bytes, start, end);
}

/** A decoder with a memory of its own for strings that repeat, for a long stream. */
export function createEventDecoder(): EventDecoder {
  return new EventDecoder();
}
