import type { Catalog, CatalogEntry, LogKey } from "@dragoman/event-log";
import type { FoldCheckpoint } from "./fold.ts";

/** Returns the catalog entry that keeps a checkpoint of a session. It can be rebuilt from the log. */
export function checkpointEntry(key: LogKey, checkpoint: FoldCheckpoint, order: number): CatalogEntry {
  const value = new TextEncoder().encode(JSON.stringify({ ...checkpoint, version: 1 }));
  return {
    namespace: key.namespace,
    kind: "checkpoint",
    parent: key.id,
    id: "latest",
    label: "",
    state: "",
    order,
    value,
  };
}

/** Reads the checkpoint of a session; undefined if there is none that this version understands. */
export async function readCheckpoint(catalog: Catalog, key: LogKey): Promise<FoldCheckpoint | undefined> {
  const entry = await catalog.get({
    namespace: key.namespace,
    kind: "checkpoint",
    parent: key.id,
    id: "latest",
  });
  if (!entry) return undefined;
  const value = JSON.parse(new TextDecoder().decode(entry.value)) as FoldCheckpoint & { version: number };
  return value.version === 1 ? value : undefined;
}
