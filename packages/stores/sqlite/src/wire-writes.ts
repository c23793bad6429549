import type { AppendBatch, CatalogChange, LogKey } from "@dragoman/event-log";
import type { WireChange, Write } from "./protocol.ts";

/** A write and the bytes that belong to it. */
export interface PackedWrite {
  readonly write: Write;
  readonly parts: readonly Uint8Array[];
}

/** Writes an append down for the writer. */
export function packAppend({ namespace, id }: LogKey, batch: AppendBatch): PackedWrite {
  const parts: Uint8Array[] = [];
  const chunks: number[] = [];
  for (const { firstSequence, lastSequence, bytes } of batch.chunks) {
    chunks.push(firstSequence, lastSequence, bytes.length);
    parts.push(bytes);
  }
  const records = batch.records.map((bytes) => {
    parts.push(bytes);
    return bytes.length;
  });
  const catalog = packChanges(batch.catalog, parts);
  const key = { namespace, id };
  return {
    write: { kind: "append", key, epoch: batch.epoch, chunks, records, catalog, length: sum(parts) },
    parts,
  };
}

/** Writes changes of the catalog down for the writer. */
export function packPut(changes: readonly CatalogChange[]): PackedWrite {
  const parts: Uint8Array[] = [];
  const catalog = packChanges(changes, parts);
  return { write: { kind: "put", catalog, length: sum(parts) }, parts };
}

function packChanges(changes: readonly CatalogChange[], parts: Uint8Array[]): WireChange[] {
  return changes.map((change) => {
    if ("remove" in change) {
      const { namespace, kind, parent, id } = change.remove;
      return { remove: { namespace, kind, parent, id } };
    }
    const { namespace, kind, parent, id, label, state, order, value } = change.put;
    parts.push(value);
    return { put: { namespace, kind, parent, id, label, state, order }, length: value.length };
  });
}

function sum(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}
