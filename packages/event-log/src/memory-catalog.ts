import type {
  CatalogChange,
  CatalogCountQuery,
  CatalogEntry,
  CatalogKey,
  CatalogQuery,
} from "./event-log.ts";
import { catalogKeyText } from "./keys.ts";
import { comparePlaces, matchesQuery } from "./place.ts";

/** Bytes that the values of one list have at most, unless the first is larger by itself. */
export const maxListBytes = 16 * 1024 * 1024;

/** What an entry counts for: its value and text, and 128 bytes for the rest. */
export function entryBytes(entry: CatalogEntry): number {
  return entry.value.length + entry.parent.length + entry.id.length + entry.label.length + 128;
}

/** The catalog of the in-memory store: entries by key, and per kind in the order of lists. */
export class MemoryCatalog {
  readonly #byKey = new Map<string, CatalogEntry>();
  readonly #byKind = new Map<string, CatalogEntry[]>();

  #bytes = 0;

  /** What the entries take together, as {@link entryBytes} counts. */
  get bytes(): number {
    return this.#bytes;
  }

  clear(): void {
    this.#byKey.clear();
    this.#byKind.clear();
    this.#bytes = 0;
  }

  get(key: CatalogKey): CatalogEntry | undefined {
    return this.#byKey.get(catalogKeyText(key));
  }

  list(query: CatalogQuery): CatalogEntry[] {
    const entries = this.#byKind.get(query.kind) ?? [];
    const found: CatalogEntry[] = [];
    let index = 0;
    if (query.after) {
      index = placeIndex(entries, query.after);
      const entry = entries[index];
      if (entry && comparePlaces(entry, query.after) === 0) index++;
    }
    let bytes = 0;
    for (; index < entries.length && found.length < query.limit; index++) {
      const entry = entries[index]!;
      if (!matchesQuery(entry, query)) continue;
      bytes += entry.value.length;
      if (found.length > 0 && bytes > maxListBytes) break;
      found.push(entry);
    }
    return found;
  }

  count(query: CatalogCountQuery): number {
    const entries = this.#byKind.get(query.kind) ?? [];
    return query.states?.length
      ? entries.filter((entry) => matchesQuery(entry, query)).length
      : entries.length;
  }

  apply(changes: readonly CatalogChange[]): void {
    for (const change of changes) {
      if ("remove" in change) this.#remove(catalogKeyText(change.remove));
      else this.#put(change.put);
    }
  }

  #put(entry: CatalogEntry): void {
    const key = catalogKeyText(entry);
    const { namespace, kind, parent, id, label, state, order, value } = entry;
    const kept: CatalogEntry = { namespace, kind, parent, id, label, state, order, value: value.slice() };
    this.#remove(key);
    this.#byKey.set(key, kept);
    this.#bytes += entryBytes(kept);
    const entries = this.#byKind.get(kind);
    if (entries) entries.splice(placeIndex(entries, kept), 0, kept);
    else this.#byKind.set(kind, [kept]);
  }

  #remove(key: string): void {
    const entry = this.#byKey.get(key);
    if (!entry) return;
    this.#byKey.delete(key);
    this.#bytes -= entryBytes(entry);
    const entries = this.#byKind.get(entry.kind);
    entries?.splice(placeIndex(entries, entry), 1);
    if (entries?.length === 0) this.#byKind.delete(entry.kind);
  }
}

/** Returns the index of the entry at a place, or where it would be inserted. */
function placeIndex(entries: readonly CatalogEntry[], place: CatalogQuery["after"] & object): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (comparePlaces(entries[middle]!, place) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
