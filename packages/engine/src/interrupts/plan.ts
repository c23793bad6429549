import type { ResumeEntry, Tool } from "@dragoman/agui";
import type { Catalog } from "@dragoman/event-log";
import type { InterruptInfo } from "../entries.ts";
import type { EngineLimits } from "../limits.ts";
import type { Session } from "../session.ts";
import { createTimeBox } from "../tools/time-box.ts";
import type { ToolHost } from "../tools/tool-host.ts";
import type { AnswerChecks } from "./check-answer.ts";
import { decidedBeside, interruptsNamed } from "./find.ts";
import { type ResolvedInterrupts, resolveAnswers } from "./resolve-answers.ts";

/** What meeting answers needs besides their session. */
export interface PlanContext {
  readonly catalog: Catalog;
  /** The tools that are registered. */
  readonly tools: ToolHost;
  readonly limits: EngineLimits;
  readonly now: () => number;
}

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
  context: PlanContext,
): Promise<ResolvedInterrupts> {
  const { runId, answers, cancelRest } = request;
  const { catalog } = context;
  const open = session.openInterrupts;
  if (open.length === 0 && answers.length === 0)
    return { decided: [], earlier: [], remaining: [], resume: [] };
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
    checks: await checksFor(session, request.tools, context),
  });
}

/** What the answers to the interrupts of a session are checked with. */
export async function checksFor(
  session: Session,
  toolsOfRun: readonly Tool[],
  { tools, limits, now }: Omit<PlanContext, "catalog">,
): Promise<AnswerChecks> {
  return {
    tools: await tools.offered(session, toolsOfRun),
    nowMs: now(),
    inTime: createTimeBox(limits.toolSchemaTimeoutMs),
  };
}
