import { type AguiEvent, type EventBatch, encodeEvent, encodeEventJson } from "@dragoman/agui";
import { binaryContentType, type FormName, sseContentType } from "./accept.ts";

/** How events are written on one of the AG-UI HTTP wires. */
export interface Form {
  readonly name: FormName;
  /** What calls of this wire are called in contexts. */
  readonly protocolName: "sse" | "ag-ui-binary";
  readonly contentType: string;
  /** Whether it can carry events that have no binary form. */
  readonly carriesJsonOnly: boolean;
  /** Writes a batch; made once and shared by all readers. */
  batch(batch: EventBatch): Uint8Array;
  /** Writes one event, with its place in the log if it has one. */
  event(event: AguiEvent, id: string | undefined): Uint8Array;
  /** Writes an event that is given as JSON text. Only where {@link carriesJsonOnly} says so. */
  text(json: Uint8Array, id: string | undefined): Uint8Array;
  /** Writes what shows that the stream is alive. */
  heartbeat(): Uint8Array;
}

const encoder = new TextEncoder();

/** Server-sent events: LF only, the place in the log as `id:`, comments as heartbeats. */
export const sseForm: Form = {
  name: "sse",
  protocolName: "sse",
  contentType: sseContentType,
  carriesJsonOnly: true,
  batch: (batch) => batch.sse(),
  event: (event, id) => encoder.encode(block(encodeEventJson(event), id)),
  text: (json, id) => encoder.encode(block(new TextDecoder().decode(json), id)),
  heartbeat: () => encoder.encode(": keep-alive\n\n"),
};

function block(json: string, id: string | undefined): string {
  return `${id === undefined ? "" : `id: ${id}\n`}data: ${json}\n\n`;
}

/** AG-UI's binary form: a length of four bytes, then the event. It has neither ids nor heartbeats. */
export const binaryForm: Form = {
  name: "binary",
  protocolName: "ag-ui-binary",
  contentType: binaryContentType,
  carriesJsonOnly: false,
  batch: (batch) => batch.binary(),
  event: (event) => {
    const bytes = encodeEvent(event);
    const frame = new Uint8Array(4 + bytes.length);
    new DataView(frame.buffer).setUint32(0, bytes.length);
    frame.set(bytes, 4);
    return frame;
  },
  text: () => {
    throw new TypeError("JSON has no place among AG-UI's binary frames");
  },
  heartbeat: () => new Uint8Array(),
};
