import type { AguiEvent } from "@dragoman/agui";
import { appendChange } from "../change.ts";
import type { EngineCore } from "../core.ts";
import type { SessionClosing, SessionInfo } from "../entries.ts";
import { shuttingDown } from "../errors.ts";
import { applyDecisions, cancellationsOf } from "../interrupts/decisions.ts";
import { newId } from "../new-id.ts";
import type { Session } from "../session.ts";

/** Why a session is to be closed, decided while nothing else is; undefined if it is not. */
export type WhyClose = () => SessionClosing | undefined;

/**
 * Brings a session to its end: it takes nothing more, its runs end as cancelled, and then the log says so, once.
 * One that is over is left as it is; one whose end was begun is brought there.
 */
export async function closeSession(core: EngineCore, session: Session, why: WhyClose): Promise<void> {
  await session.mutex.run(() => begin(core, session, why));
  if (session.info.closing === undefined) return;
  await endRuns(core, session, reasons[session.info.closing.why]);
  await session.mutex.run(() => finish(core, session));
}

const reasons = {
  ended: "the session was ended",
  expire_after: "the session expired (expire_after)",
  idle_timeout: "the session expired (idle_timeout)",
} as const;

/** What a session that is missing its deadline now closes with. */
export function expiredNow(core: EngineCore, session: Session): SessionClosing | undefined {
  const { expiry } = session;
  return expiry && expiry.time <= core.now() ? { why: expiry.why, dropState: false } : undefined;
}

/** Reads back what was written of an end whose outcome is unknown. Call it while holding the mutex. */
export async function findOut(core: EngineCore, session: Session): Promise<void> {
  if (!session.isUnsure) return;
  const { state } = session.info;
  await session.refresh();
  // Whoever wrote it was not told, and has not counted it.
  if (state === "active" && session.info.state !== "active") core.sessions.countActive(-1);
}

/** Makes the intent durable, or all of it where nothing has to end first. */
async function begin(core: EngineCore, session: Session, why: WhyClose): Promise<void> {
  await findOut(core, session);
  if (session.info.state !== "active") return;
  const closing = why();
  if (!closing) return;
  const state = closing.why === "ended" ? "ended" : "expired";
  const missed = state === "expired" ? session.expiry?.time : undefined;
  const changes: Partial<SessionInfo> = {
    state,
    endTime: core.now(),
    ...(missed !== undefined && { expireTime: missed }),
  };
  await unlessItFails(session, async () => {
    if (session.isIdle) await say(core, session, closing, changes);
    else await session.saveInfo({ ...changes, closing });
  });
  core.sessions.countActive(-1);
}

async function endRuns(core: EngineCore, session: Session, reason: string): Promise<void> {
  while (!session.isIdle) {
    const runs = [...session.queue, ...(session.active ? [session.active] : [])];
    for (const run of runs) await core.runs.cancel(session, run, reason);
    await Promise.race([Promise.all(runs.map((run) => run.ended)), aborted(core.closed)]);
    if (core.closed.aborted) throw shuttingDown();
  }
}

async function finish(core: EngineCore, session: Session): Promise<void> {
  await findOut(core, session);
  const { closing } = session.info;
  if (closing) await unlessItFails(session, () => say(core, session, closing, { closing: undefined }));
}

/** Says in the log that the session is over, in the append that makes it so. */
async function say(
  core: EngineCore,
  session: Session,
  closing: SessionClosing,
  changes: Partial<SessionInfo>,
): Promise<void> {
  const over = { ...session.info, ...changes };
  const decisions = cancellationsOf(session.openInterrupts, core.now());
  const snapshot: AguiEvent[] = closing.dropState ? [{ type: "STATE_SNAPSHOT", snapshot: {} }] : [];
  const change = {
    runId: newId(),
    origin: "session" as const,
    closesInterrupts: true,
    events: [...snapshot, announcement(over, closing)],
    records: decisions.records,
    catalog: session.interruptEntries(decisions.infos),
  };
  await session.writing(() => appendChange(session, change, core.created(), changes));
  session.isOver = true;
  applyDecisions(session, decisions);
  session.notify();
  session.hub.session(session.info);
}

function announcement({ endTime, expireTime }: SessionInfo, { why }: SessionClosing): AguiEvent {
  const iso = (time = 0) => new Date(time).toISOString();
  return why === "ended"
    ? { type: "CUSTOM", name: "dragoman.session_ended", value: { endTime: iso(endTime) } }
    : { type: "CUSTOM", name: "dragoman.session_expired", value: { expireTime: iso(expireTime), why } };
}

/** What could not be written is not so. Where nobody knows what was, it is read back before anything else. */
async function unlessItFails(session: Session, task: () => Promise<void>): Promise<void> {
  const { info } = session;
  try {
    await task();
  } catch (error) {
    session.info = info;
    session.isUnsure = true;
    throw error;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
