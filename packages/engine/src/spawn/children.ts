import type { CatalogChange, LogKey } from "@dragoman/event-log";
import type { EngineCore } from "../core.ts";
import { readEntry, type SessionInfo } from "../entries.ts";
import { EngineError } from "../errors.ts";
import { closeSession, expiredNow } from "../expiry/close-session.ts";
import { removeSession } from "../expiry/remove-session.ts";
import { listAll } from "../interrupts/find.ts";
import type { PlacedRequest } from "./spawn-request.ts";

/** The kind of the catalog entries that name the sessions of a session's sub-agents. */
export const childKind = "child";

/** What is written with a sub-agent's session, so that its parent's finds it. */
export function childEntry({ namespace, sessionId, parent }: PlacedRequest, order: number): CatalogChange[] {
  if (!parent) return [];
  const value = new Uint8Array();
  const entry = { namespace, kind: childKind, parent: parent.sessionId, id: sessionId };
  return [{ put: { ...entry, label: parent.runId, state: "", order, value } }];
}

/**
 * Lets the sessions of sub-agents share the life of the one that they work for: they end with it, and what its
 * retention removes is removed with them.
 */
export function followParents(core: EngineCore): void {
  core.hub.subscribe({
    onSession({ namespace, sessionId, state, closing }) {
      if (state === "active" || closing) return;
      endChildren(core, { namespace, id: sessionId }).catch((error: unknown) => {
        if (!core.closed.aborted) core.onError(error);
      });
    },
  });
  core.removals.push((key) => removeChildren(core, key));
}

async function endChildren(core: EngineCore, parent: LogKey): Promise<void> {
  for await (const child of childrenOf(core, parent)) {
    await ignoringAbsent(() =>
      core.sessions.use(child, (session) => {
        const why = () => expiredNow(core, session) ?? { why: "ended" as const, dropState: false };
        return closeSession(core, session, why);
      }),
    );
  }
}

/** After a crash this is done again for those that are left. */
async function removeChildren(core: EngineCore, parent: LogKey): Promise<void> {
  await endChildren(core, parent);
  for await (const child of childrenOf(core, parent)) {
    const entry = await core.store.catalog.get({
      namespace: child.namespace,
      kind: "session",
      parent: "",
      id: child.id,
    });
    if (entry) await ignoringAbsent(() => removeSession(core, child, readEntry<SessionInfo>(entry)));
  }
}

async function* childrenOf(core: EngineCore, { namespace, id }: LogKey): AsyncGenerator<LogKey> {
  for await (const entry of listAll(core.store.catalog, { namespace, kind: childKind, parent: id })) {
    yield { namespace, id: entry.id };
  }
}

async function ignoringAbsent(task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    if (!(error instanceof EngineError && error.reason === "SESSION_NOT_FOUND")) throw error;
  }
}
