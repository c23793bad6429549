import type { Catalog, CatalogEntry, CatalogQuery, LogKey } from "@dragoman/event-log";
import { orderOf } from "../creation.ts";
import { type InterruptInfo, interruptKeyOf, readEntry } from "../entries.ts";

const pageSize = 1_000;

/** All entries of a list, newest first. Pages end early where entries are large: only an empty one is the end. */
export async function* listAll(
  catalog: Catalog,
  query: Omit<CatalogQuery, "limit">,
  limit = pageSize,
): AsyncGenerator<CatalogEntry> {
  let page = await catalog.list({ ...query, limit });
  for (let last = page.at(-1); last; last = page.at(-1)) {
    yield* page;
    page = await catalog.list({ ...query, after: last, limit });
  }
}

/** An interrupt by its key. */
export async function getInterrupt(
  catalog: Catalog,
  { namespace, id: parent }: LogKey,
  runId: string,
  interruptId: string,
): Promise<InterruptInfo | undefined> {
  const id = interruptKeyOf(runId, interruptId);
  const entry = await catalog.get({ namespace, kind: "interrupt", parent, id });
  return entry && readEntry<InterruptInfo>(entry);
}

/** The interrupts of a session that have an id, newest first. */
export async function interruptsNamed(
  catalog: Catalog,
  { namespace, id: parent }: LogKey,
  interruptId: string,
): Promise<InterruptInfo[]> {
  const found: InterruptInfo[] = [];
  const query = { kind: "interrupt", namespace, parent, label: interruptId };
  for await (const entry of listAll(catalog, query)) found.push(readEntry<InterruptInfo>(entry));
  return found;
}

/** The interrupts of a session that wait, oldest first. */
export async function openInterruptsOf(catalog: Catalog, { namespace, id: parent }: LogKey) {
  const found: InterruptInfo[] = [];
  const query = { kind: "interrupt", namespace, parent, states: ["open"] };
  for await (const entry of listAll(catalog, query)) found.push(readEntry<InterruptInfo>(entry));
  return found.reverse();
}

/** The interrupts that were decided of the runs that these are of, oldest first. */
export async function decidedBeside(
  catalog: Catalog,
  { namespace, id: parent }: LogKey,
  open: readonly InterruptInfo[],
): Promise<InterruptInfo[]> {
  if (open.length === 0) return [];
  const runIds = new Set(open.map(({ runId }) => runId));
  // All interrupts of a run are made at one time, so they are near each other in the list.
  const newest = Math.max(...open.map(({ createTime }) => orderOf(createTime + 1, 0)));
  const oldest = Math.min(...open.map(({ createTime }) => orderOf(createTime, 0)));
  const found: InterruptInfo[] = [];
  const after = { order: newest, namespace, parent: "", id: "" };
  const query = { kind: "interrupt", namespace, parent, states: ["decided"], after };
  for await (const entry of listAll(catalog, query)) {
    if (entry.order < oldest) break;
    const info = readEntry<InterruptInfo>(entry);
    if (runIds.has(info.runId)) found.push(info);
  }
  return found.reverse();
}
