import type { ResumeEntry, Tool } from "@dragoman/agui";
import type { Catalog } from "@dragoman/event-log";
import type { InterruptInfo } from "../entries.ts";
import type { Session } from "../session.ts";
import { decidedBeside, interruptsNamed } from "./find.ts";
import { type ResolvedInterrupts, resolveAnswers } from "./resolve-answers.ts";

/** What a run brings for the interrupts of its session. */
export interface Answers {
  readonly runId: string;
  readonly answers: readonly ResumeEntry[];
  /** Whether what it does not answer is cancelled. */
  readonly cancelRest: boolean;
  /** The tools of its request. */
  readonly tools: readonly Tool[];
}

/** Meets the answers of a run with the interrupts of its session. Throws where one is not acceptable. */
export async function planInterrupts(
  session: Session,
  request: Answers,
  catalog: Catalog,
  nowMs: number,
): Promise<ResolvedInterrupts> {
  const { runId, answers, cancelRest } = request;
  const open = session.openInterrupts;
  const earlier = await decidedBeside(catalog, session.key, open);
  const decided = new Map<string, InterruptInfo>();
  for (const { interruptId } of answers) {
    if (decided.has(interruptId) || open.some(({ interrupt }) => interrupt.id === interruptId)) continue;
    const named = await interruptsNamed(catalog, session.key, interruptId);
    const info = named.find((one) => one.resumedRunId === runId) ?? named[0];
    if (info?.state === "decided") decided.set(interruptId, info);
  }
  return resolveAnswers(answers, cancelRest, {
    runId,
    open,
    earlier,
    findDecided: (interruptId) => decided.get(interruptId),
    tools: knownTools(session, request.tools),
    nowMs,
  });
}

/** The tools that an agent of a session may call, as far as they are known. */
export function knownTools(session: Session, ofRun: readonly Tool[]): readonly Tool[] {
  return [...ofRun, ...(session.info.options?.tools ?? [])];
}
