import type { Catalog, CatalogEntry } from "@dragoman/event-log";
import type { AgentRecord } from "./agent-pool.ts";

/** Agents are registered for all callers of a server. */
const namespace = "default";
const kind = "agent";
const entriesPerPage = 1_000;

const text = new TextEncoder();
const utf8 = new TextDecoder();

/** What is kept of an agent, headers of its endpoints and all. */
export function agentEntry(record: AgentRecord): CatalogEntry {
  const { agentId: id, order } = record;
  const value = text.encode(JSON.stringify(record));
  return { namespace, kind, parent: "", id, label: "", state: "registered", order, value };
}

/** The key of what is kept of an agent. */
export function agentKey(agentId: string) {
  return { namespace, kind, parent: "", id: agentId };
}

/** Reads all that are kept, the last registered first. What cannot be read is reported, and left as it is. */
export async function readAgents(
  catalog: Catalog,
  onError: (error: unknown) => void,
): Promise<AgentRecord[]> {
  const records: AgentRecord[] = [];
  const query = { kind, namespace, limit: entriesPerPage };
  // A page may be short because its entries are large: only an empty one is the end.
  for (let page = await catalog.list(query); page.length > 0; ) {
    for (const entry of page) {
      try {
        records.push(JSON.parse(utf8.decode(entry.value)) as AgentRecord);
      } catch {
        // What the parser says would show a part of the value.
        onError(new Error(`the registered agent ${JSON.stringify(entry.id)} cannot be read and is left out`));
      }
    }
    const last = page[page.length - 1];
    page = last ? await catalog.list({ ...query, after: last }) : [];
  }
  return records;
}
