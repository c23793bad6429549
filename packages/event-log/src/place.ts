import type { CatalogEntry, CatalogPlace, CatalogQuery } from "./event-log.ts";

const surrogate = 0xd800;
const afterSurrogates = 0xe000;

/** Returns the place of an entry in lists, for `after` of the query of the next page. */
export function placeOf(entry: CatalogPlace): CatalogPlace {
  const { order, namespace, parent, id } = entry;
  return { order, namespace, parent, id };
}

/**
 * Compares strings as their UTF-8 bytes compare. JavaScript's own order differs where a surrogate pair
 * (U+10000 and above) meets a character of U+E000 to U+FFFF.
 */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    if (x >= surrogate && y >= surrogate) {
      const xPair = x < afterSurrogates;
      if (xPair !== y < afterSurrogates) return xPair ? 1 : -1;
    }
    return x - y;
  }
  return a.length - b.length;
}

/** Compares places in the order of lists: negative if `a` comes first. */
export function comparePlaces(a: CatalogPlace, b: CatalogPlace): number {
  return (
    b.order - a.order ||
    compareText(b.namespace, a.namespace) ||
    compareText(b.parent, a.parent) ||
    compareText(b.id, a.id)
  );
}

/** Tells whether a query asks for an entry, apart from `after` and `limit`. */
export function matchesQuery(entry: CatalogEntry, query: Omit<CatalogQuery, "limit">): boolean {
  return (
    entry.kind === query.kind &&
    (query.namespace === undefined || entry.namespace === query.namespace) &&
    (query.parent === undefined || entry.parent === query.parent) &&
    (query.label === undefined || entry.label === query.label) &&
    (!query.states?.length || query.states.includes(entry.state))
  );
}
