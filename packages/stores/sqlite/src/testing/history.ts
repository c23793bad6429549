import type { AppendBatch, CatalogEntry, EventChunk, LogHead } from "@dragoman/event-log";

/** How many logs the crash test writes. */
export const logIds = Array.from({ length: 8 }, (_, i) => `log ${i}`);

const utf8 = new TextEncoder();

/** What the bytes of a chunk must be, given the sequences that it has: so every byte can be checked. */
export function chunkOf(id: string, firstSequence: number, lastSequence: number): EventChunk {
  const events = lastSequence - firstSequence + 1;
  return {
    firstSequence,
    lastSequence,
    bytes: utf8.encode(`${id} ${firstSequence}-${lastSequence};`.repeat(events)),
  };
}

export function recordOf(id: string, number: number): Uint8Array {
  return utf8.encode(`${id} record ${number}`);
}

/** The entry of a log says where the log stands, in the same append. */
export function entryOf(id: string, headSequence: number, headRecord: number): CatalogEntry {
  const value = utf8.encode(JSON.stringify({ headSequence, headRecord }));
  return {
    namespace: "default",
    kind: "session",
    parent: "",
    id,
    label: String(headSequence),
    state: headSequence % 2 ? "odd" : "even",
    order: logIds.indexOf(id),
    value,
  };
}

/** The next append after a head: up to 20 events in up to 3 chunks, at times a record. */
export function nextBatch(id: string, { epoch, headSequence, headRecord }: LogHead): AppendBatch {
  const chunks: EventChunk[] = [];
  let last = headSequence;
  for (let count = 1 + Math.floor(Math.random() * 3); count > 0; count--) {
    const first = last + 1;
    last += 1 + Math.floor(Math.random() * 7);
    chunks.push(chunkOf(id, first, last));
  }
  const records = Math.random() < 0.3 ? [recordOf(id, headRecord + 1)] : [];
  return { epoch, chunks, records, catalog: [{ put: entryOf(id, last, headRecord + records.length) }] };
}
