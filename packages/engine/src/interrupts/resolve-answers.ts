import type { ResumeEntry } from "@dragoman/agui";
import type { InterruptInfo } from "../entries.ts";
import { EngineError, quote } from "../errors.ts";
import { type AnswerChecks, checkAnswer, sameAnswer } from "./check-answer.ts";

/** An interrupt with the answer that decides it. */
export interface Decided {
  readonly info: InterruptInfo;
  readonly answer: ResumeEntry;
}

/** What the answers of a run mean for the interrupts of its session. */
export interface ResolvedInterrupts {
  /** Answers to open interrupts that this run decides. */
  readonly decided: readonly Decided[];
  /** What was decided before, and is handed to the agent only now. */
  readonly earlier: readonly InterruptInfo[];
  /** What stays open; if any, the agent is not called. */
  readonly remaining: readonly InterruptInfo[];
  /** What the agent is given as `resume`: all answers to the run that was interrupted, and unknown ones. */
  readonly resume: readonly ResumeEntry[];
}

/** What the answers of a run meet. */
export interface MetInterrupts {
  readonly runId: string;
  /** What waits for an answer. */
  readonly open: readonly InterruptInfo[];
  /** Those that were answered while others of their run waited, and still do. */
  readonly earlier: readonly InterruptInfo[];
  /** Looks for a decided interrupt of an id that is not open. */
  readonly findDecided: (interruptId: string) => InterruptInfo | undefined;
  readonly checks: AnswerChecks;
}

/**
 * Meets the answers of a run with what is open. Nothing is decided by it: a rejected answer leaves its
 * interrupt open.
 *
 * An answer that was given before, to an interrupt whose run still waits for others, is taken again where it is
 * the same: AG-UI clients answer everything that they know of at once.
 */
export function resolveAnswers(
  answers: readonly ResumeEntry[],
  cancelRest: boolean,
  met: MetInterrupts,
): ResolvedInterrupts {
  const { open, checks } = met;
  const decided: Decided[] = [];
  const earlier = [...met.earlier];
  const unknown: ResumeEntry[] = [];
  const answered = new Set<string>();
  for (const answer of answers) {
    if (answered.has(answer.interruptId)) throw answeredTwice(answer.interruptId);
    answered.add(answer.interruptId);
    const info = open.find((one) => one.interrupt.id === answer.interruptId);
    if (info) {
      checkAnswer(info, answer, checks);
      decided.push({ info, answer });
      continue;
    }
    const before = met.findDecided(answer.interruptId);
    if (!before) unknown.push(answer);
    else if (before.resumedRunId === met.runId) earlier.push(before);
    else if (!isWaiting(before, met.earlier, answer)) throw alreadyDecided(before);
  }
  const rest = open.filter((one) => !answered.has(one.interrupt.id));
  if (cancelRest) {
    for (const info of rest)
      decided.push({ info, answer: { interruptId: info.interrupt.id, status: "cancelled" } });
  }
  const before = earlier.flatMap((info) => (info.answer ? [info.answer] : []));
  return {
    decided,
    earlier,
    remaining: cancelRest ? [] : rest,
    resume: [...before, ...decided.map((one) => one.answer), ...unknown],
  };
}

/** Whether this is the answer that was given, to an interrupt that no run went on with yet. */
function isWaiting(info: InterruptInfo, earlier: readonly InterruptInfo[], answer: ResumeEntry): boolean {
  const { runId, interrupt } = info;
  const waits = earlier.some((one) => one.runId === runId && one.interrupt.id === interrupt.id);
  return waits && info.answer !== undefined && sameAnswer(info.answer, answer);
}

function answeredTwice(interruptId: string): EngineError {
  const message = `resume answers the interrupt ${quote(interruptId)} more than once`;
  return new EngineError("INVALID_INPUT", message, { path: "/resume" });
}

/** The error for an answer to an interrupt that has another one. */
export function alreadyDecided(info: InterruptInfo): EngineError {
  const status = info.answer?.status ?? "";
  const runId = info.resumedRunId ?? info.decidedByRunId ?? "";
  const by = runId === "" ? "; no run has gone on with it" : ` by run ${quote(runId)}`;
  return new EngineError(
    "INTERRUPT_DECIDED",
    `the interrupt ${quote(info.interrupt.id)} was already answered (${status})${by}`,
    { interrupt_id: info.interrupt.id, status, run_id: runId },
  );
}
