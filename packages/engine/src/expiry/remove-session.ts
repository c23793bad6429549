import type { LogKey } from "@dragoman/event-log";
import type { EngineCore } from "../core.ts";
import type { SessionInfo } from "../entries.ts";
import { EngineError, quote, sessionNotFound } from "../errors.ts";
import { deadlineEntry, noDeadline } from "./deadline-entry.ts";

/** The kinds of catalog entries that belong to a session: their parent is its id. They go with it. */
export const kindsOfSession = [
  "run",
  "interrupt",
  "checkpoint",
  "request",
  "tool",
  "tool_call",
  "chat-message",
  "child",
] as const;

const removedAtOnce = 1_000;

/**
 * Removes a session that is over, with all that belongs to it. First it is gone for everybody, durably; then what
 * it consists of goes, which {@link finishRemoval} repeats after a crash. Until that is done nobody can make a
 * session of its id.
 */
export async function removeSession(core: EngineCore, key: LogKey, info: SessionInfo): Promise<void> {
  const { catalog } = core.store;
  core.sessions.bar(key, isBeingRemoved(key));
  const mark = deadlineEntry(key, info.order, "removing", info.endTime ?? info.createTime);
  const entry = { namespace: key.namespace, kind: "session", parent: "", id: key.id };
  try {
    await catalog.put([{ put: mark }, { remove: entry }]);
  } catch (error) {
    core.sessions.unbar(key);
    throw error;
  }
  await finishRemoval(core, key);
}

/** Removes what is left of a session that is gone. */
export async function finishRemoval(core: EngineCore, key: LogKey): Promise<void> {
  const { catalog, log } = core.store;
  core.sessions.bar(key, isBeingRemoved(key));
  await core.sessions.forget(key, sessionNotFound(key.id));
  await removeTools(core, key);
  for (const forget of core.removals) await forget(key);
  for (const kind of kindsOfSession) await removeEntries(core, key, kind);
  if (await log.head(key)) {
    const { epoch } = await log.acquire(key, { create: false });
    await log.remove(key, epoch);
  }
  await catalog.put([noDeadline(key)]);
  core.sessions.unbar(key);
}

/** Tools are kept in memory too, by whoever knows them. */
async function removeTools({ tools: { registry } }: EngineCore, { namespace, id }: LogKey): Promise<void> {
  const tools = await registry.scope(namespace, id);
  await registry.unregister(namespace, id, [...tools.keys()]);
}

async function removeEntries({ store }: EngineCore, key: LogKey, kind: string): Promise<void> {
  const { catalog } = store;
  const query = { kind, namespace: key.namespace, parent: key.id, limit: removedAtOnce };
  for (let page = await catalog.list(query); page.length > 0; page = await catalog.list(query)) {
    await catalog.put(page.map(({ namespace, parent, id }) => ({ remove: { namespace, kind, parent, id } })));
  }
}

/** What is said to whoever wants a session that is being removed, or one of its id. */
export function isBeingRemoved({ id }: LogKey): EngineError {
  const message = `the session ${quote(id)} is being removed: try again in a moment`;
  return new EngineError("STORAGE_UNAVAILABLE", message, { session_id: id });
}
