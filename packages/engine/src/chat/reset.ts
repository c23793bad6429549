import type { AguiEvent } from "@dragoman/agui";
import { appendChange } from "../change.ts";
import type { EngineCore } from "../core.ts";
import { applyDecisions, cancellationsOf } from "../interrupts/decisions.ts";
import { newId } from "../new-id.ts";
import type { Session } from "../session.ts";
import { completeSnapshot } from "../start-run.ts";

/**
 * Cancels what runs and what waits in a session, and empties its history, its state and its inbox. What was stays
 * readable in the log.
 */
export async function resetSession(core: EngineCore, session: Session): Promise<void> {
  for (;;) {
    await cancelAll(core, session);
    const isDone = await session.mutex.run(async () => {
      session.assertOpen();
      if (!session.isIdle) return false;
      if (!isEmpty(session)) await session.writing(() => appendEmptied(core, session));
      return true;
    });
    if (isDone) return;
  }
}

async function cancelAll(core: EngineCore, session: Session): Promise<void> {
  const runs = [...session.queue, ...(session.active ? [session.active] : [])];
  for (const run of runs) {
    run.promised.clear(); // nothing of it is to be answered any more
    await core.runs.cancel(session, run, "the chat was reset");
  }
  await unlessAborted(Promise.all(runs.map((run) => run.ended)), core.closing);
}

/** Waits for something that may never come once a signal aborts: then this rejects with its reason. */
async function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let onAbort = () => {};
  const aborted = new Promise<void>((resolve) => {
    onAbort = resolve;
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) resolve();
  });
  await Promise.race([work, aborted]);
  signal.removeEventListener("abort", onAbort);
  signal.throwIfAborted(); // those that wait stay queued
}

function isEmpty({ fold, openInterrupts }: Session): boolean {
  const { messages, state } = fold;
  const hasState = state === null || typeof state !== "object" || Object.keys(state).length > 0;
  return messages.length === 0 && !hasState && openInterrupts.length === 0;
}

async function appendEmptied(core: EngineCore, session: Session): Promise<void> {
  const events: AguiEvent[] = [
    { type: "MESSAGES_SNAPSHOT", messages: [], metadata: completeSnapshot },
    { type: "STATE_SNAPSHOT", snapshot: {} },
  ];
  const decisions = cancellationsOf(session.openInterrupts, core.now());
  const catalog = session.interruptEntries(decisions.infos);
  const writer = await session.write();
  writer.add(decisions.records, catalog);
  const change = { runId: newId(), origin: "session", events, closesInterrupts: true } as const;
  await appendChange(session, change, core.created(), { messageCount: 0 });
  applyDecisions(session, decisions);
}
