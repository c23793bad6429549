import type { CatalogKey, LogKey } from "./event-log.ts";

/** Returns one string per log key, different for different keys whatever characters they have. */
export function logKeyText(key: LogKey): string {
  return `${key.namespace.length}:${key.namespace}${key.id}`;
}

/** Returns one string per catalog key, different for different keys whatever characters they have. */
export function catalogKeyText(key: CatalogKey): string {
  const { namespace, kind, parent, id } = key;
  return `${namespace.length}:${kind.length}:${parent.length}:${namespace}${kind}${parent}${id}`;
}
