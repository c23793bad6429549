import type { Catalog, LogKey } from "@dragoman/event-log";
import { type RunInfo, readEntry } from "./entries.ts";

/** Looks a run up without opening its session. */
export async function findRun(
  catalog: Catalog,
  { namespace, id: parent }: LogKey,
  runId: string,
): Promise<RunInfo | undefined> {
  const entry = await catalog.get({ namespace, kind: "run", parent, id: runId });
  return entry && readEntry<RunInfo>(entry);
}
