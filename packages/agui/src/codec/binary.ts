import type { AguiEvent } from "../types.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { readEvent } from "./event-decoder.ts";
import { writeEvent } from "./event-encoder.ts";

/**
 * Encodes an event as AG-UI's binary form, an agui.v1.Event. Byte-compatible with @ag-ui/proto 1.0.
 *
 * Throws InvalidEventError with the path of what is wrong, UnknownEventTypeError, or TooDeepError. Null and
 * undefined in place of optional fields mean absent; what AG-UI does not describe is left out.
 */
export function encodeEvent(event: AguiEvent): Uint8Array {
  const writer = new ByteWriter();
  writeEvent(writer, event);
  return writer.take();
}

/**
 * Decodes an event from AG-UI's binary form. Throws MalformedEventError, or UnknownEventTypeError for an event
 * of a later version; fields of a later version are left out.
 *
 * The result is what the sender wrote: roles, outcomes and patch operations that AG-UI 1.0 does not have stay
 * as they are. Where that matters, give the result to `parseEvent`.
 */
export function decodeEvent(bytes: Uint8Array, start = 0, end = bytes.length): AguiEvent {
  const reader = new ByteReader();
  reader.reset(bytes, start, end);
  return readEvent(reader, end);
}
