import type { CatalogChange, CatalogEntry, CatalogKey, LogKey } from "@dragoman/event-log";
import type { SessionInfo } from "../entries.ts";
import { expireTimeOf, removalTimeOf } from "./expire-time.ts";

/** The kind of the entries that say which sessions have a deadline, so that those are found without the others. */
export const deadlineKind = "deadline";

/** What a deadline waits for: its time, or that something that was begun is finished. */
export type DeadlineState = "" | "closing" | "removing";

function deadlineKey({ namespace, id }: LogKey): CatalogKey {
  return { namespace, kind: deadlineKind, parent: "", id };
}

/**
 * The entry of a deadline. Its time is not later than the real one: a session that is used is prolonged without
 * writing it down here again, and whoever meets it in time looks at the session.
 */
export function deadlineEntry(key: LogKey, order: number, state: DeadlineState, time: number): CatalogEntry {
  const value = new TextEncoder().encode(JSON.stringify({ time }));
  return { ...deadlineKey(key), label: "", state, order, value };
}

/** The time of a deadline. */
export function deadlineTime(entry: CatalogEntry): number {
  return (JSON.parse(new TextDecoder().decode(entry.value)) as { time: number }).time;
}

/** Takes a deadline away. */
export function noDeadline(key: LogKey): CatalogChange {
  return { remove: deadlineKey(key) };
}

/** What is written when a session is made, or when where it is in its life changes. */
export function deadlineChanges(info: SessionInfo, isNew: boolean): CatalogChange[] {
  const { namespace, sessionId: id, order, state, closing, endTime = 0 } = info;
  const key = { namespace, id };
  if (closing) return [{ put: deadlineEntry(key, order, "closing", endTime) }];
  // How long the engine keeps sessions is not for ever; what the session says itself is.
  const time = state === "active" ? expireTimeOf(info) : removalTimeOf(info, undefined);
  if (time !== undefined) return [{ put: deadlineEntry(key, order, "", time) }];
  return isNew ? [] : [noDeadline(key)];
}
