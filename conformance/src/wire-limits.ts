import { isDeepStrictEqual } from "node:util";
import { decodeValue, encodeValue, hasBinaryForm } from "@dragoman/agui";
import type { Wire } from "./clients.ts";
import type { Stream } from "./stream.ts";

/** Whether a wire can carry the events of a stream as they are. */
export function canCarry(wire: Wire, stream: Stream): boolean {
  return wire.carriesJsonOnly || stream.stream.every((event) => hasBinaryForm(event));
}

/**
 * Whether the events of a stream can be given to a test agent as its script. The input of a run is kept as
 * google.protobuf.Value, whatever wire it came over: no half surrogates, and not more than 30 levels.
 */
export function canBeScript({ stream }: Stream): boolean {
  try {
    return isDeepStrictEqual(decodeValue(encodeValue({ script: stream })), { script: stream });
  } catch {
    return false;
  }
}
