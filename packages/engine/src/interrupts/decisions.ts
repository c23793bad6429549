import { type InterruptInfo, interruptKeyOf } from "../entries.ts";
import { encodeRecord } from "../records.ts";
import type { Session } from "../session.ts";
import type { Decided, ResolvedInterrupts } from "./resolve-answers.ts";

/** What is written when interrupts are decided: all of it in one append with what follows from it. */
export interface Decisions {
  readonly records: readonly Uint8Array[];
  /** The interrupts as they are from then on. */
  readonly infos: readonly InterruptInfo[];
}

/** What is written where nothing is decided: nothing. */
export const nothingDecided: Decisions = { records: [], infos: [] };

/** The run that answers came with, and the one that goes on with them. */
export interface DecidedBy {
  readonly decidedByRunId?: string;
  readonly resumedRunId?: string;
}

/** What is written for answers that decide interrupts. */
export function decisionsOf(decided: readonly Decided[], by: DecidedBy, nowMs: number): Decisions {
  const infos = decided.map(({ info, answer }): InterruptInfo => {
    return { ...info, state: "decided", answer, decideTime: nowMs, ...by };
  });
  const records = decided.map(({ info, answer }) =>
    encodeRecord({
      type: "decision",
      time: nowMs,
      runId: info.runId,
      decidedByRunId: by.decidedByRunId ?? "",
      answers: [answer],
    }),
  );
  return { records, infos };
}

/** What is written for the answers of a run: with the last one, all are handed to it. */
export function decisionsOfRun(resolved: ResolvedInterrupts, runId: string, nowMs: number): Decisions {
  if (resolved.remaining.length > 0) return decisionsOf(resolved.decided, { decidedByRunId: runId }, nowMs);
  const by = { decidedByRunId: runId, resumedRunId: runId };
  const { records, infos } = decisionsOf(resolved.decided, by, nowMs);
  const handed = resolved.earlier.filter((info) => info.resumedRunId !== runId);
  return { records, infos: [...handed.map((info) => ({ ...info, resumedRunId: runId })), ...infos] };
}

/** What is written where nobody can answer any more: what waits is cancelled, and no run goes on with it. */
export function cancellationsOf(open: readonly InterruptInfo[], nowMs: number): Decisions {
  const decided = open.map((info): Decided => {
    return { info, answer: { interruptId: info.interrupt.id, status: "cancelled" } };
  });
  return decisionsOf(decided, {}, nowMs);
}

/** Takes over into memory what is durable now, and tells whoever watches. */
export function applyDecisions(session: Session, { infos }: Decisions): void {
  if (infos.length === 0) return;
  const decided = new Set(infos.map(keyOf));
  session.openInterrupts = session.openInterrupts.filter((one) => !decided.has(keyOf(one)));
  session.hub.interrupts(infos);
}

const keyOf = ({ runId, interrupt }: InterruptInfo) => interruptKeyOf(runId, interrupt.id);
