import { type AguiEvent, encodeEvent } from "@dragoman/agui";
import { EngineError, limitReached } from "./errors.ts";

/**
 * Encodes an event before anything is written, so that one that cannot be kept leaves no trace.
 *
 * @param what names the event for people, such as "the input"
 */
export function encodeWithin(event: AguiEvent, eventMaxBytes: number, what: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = encodeEvent(event);
  } catch (error) {
    const why = error instanceof Error ? error.message : "it cannot be encoded";
    throw new EngineError("INVALID_INPUT", `${what} cannot be kept: ${why}`, { path: "" });
  }
  if (bytes.length <= eventMaxBytes) return bytes;
  throw limitReached("eventMaxBytes", eventMaxBytes, `${what} has ${bytes.length} bytes as one event`);
}
