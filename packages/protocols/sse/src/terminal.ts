import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import type { EventBatch } from "@dragoman/agui";
import { EventSchema } from "@dragoman/contract/agui/v1/event_pb";

const envelopeBytes = 5;
const jsonField = 15;
const terminalFields: readonly number[] = [
  EventSchema.field.runFinished.number,
  EventSchema.field.runError.number,
];

/** Whether an event of this type ends a run. */
export function isTerminal(type: unknown): boolean {
  return type === "RUN_FINISHED" || type === "RUN_ERROR";
}

/** Whether the last event of a batch ends a run. Looks at no other event and decodes none. */
export function endsWithTerminal({ frames }: EventBatch): boolean {
  const view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
  let last = 0;
  for (let next = 0; next < frames.length; next += envelopeBytes + view.getUint32(next + 1)) {
    last = next;
  }
  const reader = new BinaryReader(frames.subarray(last + envelopeBytes));
  reader.tag();
  reader.skip(WireType.Varint);
  const [field] = reader.tag();
  if (field === jsonField) {
    return isTerminal(typeOf(JSON.parse(reader.string())));
  }
  reader.uint32();
  const [kind] = reader.tag();
  return terminalFields.includes(kind);
}

function typeOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "type" in value ? value.type : undefined;
}
