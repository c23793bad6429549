import type { Session } from "../session.ts";

/** Where a chat stands; see orchestrator.v1.ChatStatus. */
export interface ChatStatus {
  readonly state: "idle" | "running" | "paused" | "interrupted" | "ended";
  /** The active run; empty while there is none. */
  readonly runId: string;
  readonly queuedRunCount: number;
  readonly openInterruptIds: readonly string[];
}

/** Says where a session stands as a chat. Between two runs of a queue the next one counts as active. */
export function chatStatusOf(session: Session): ChatStatus {
  const { active, queue, openInterrupts } = session;
  const run = active ?? queue[0];
  const waiting = queue.filter((one) => one !== run && one.info.state === "queued");
  return {
    state: stateOf(session),
    runId: run?.info.runId ?? "",
    queuedRunCount: waiting.length,
    openInterruptIds: openInterrupts.map(({ interrupt }) => interrupt.id),
  };
}

function stateOf(session: Session): ChatStatus["state"] {
  if (session.info.state !== "active") return "ended";
  if (session.active?.port?.isPaused) return "paused";
  if (!session.isIdle) return "running";
  return session.openInterrupts.length > 0 ? "interrupted" : "idle";
}

/** Whether two say the same. */
export function sameStatus(a: ChatStatus, b: ChatStatus): boolean {
  return (
    a.state === b.state &&
    a.runId === b.runId &&
    a.queuedRunCount === b.queuedRunCount &&
    a.openInterruptIds.length === b.openInterruptIds.length &&
    a.openInterruptIds.every((id, index) => id === b.openInterruptIds[index])
  );
}
