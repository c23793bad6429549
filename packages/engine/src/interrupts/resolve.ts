import { createHash } from "node:crypto";
import type { ResumeEntry, RunAgentInput } from "@dragoman/agui";
import type { LogKey } from "@dragoman/event-log";
import type { EngineCore } from "../core.ts";
import { encodeWithin } from "../encode-within.ts";
import type { InterruptInfo } from "../entries.ts";
import { EngineError, quote, runNotFound } from "../errors.ts";
import { agentNotFound } from "../run-refusals.ts";
import type { Session } from "../session.ts";
import { checkAnswer, isExpired, sameAnswer } from "./check-answer.ts";
import { applyDecisions, decisionsOf } from "./decisions.ts";
import { decidedBeside, getInterrupt, interruptsNamed } from "./find.ts";
import { checksFor } from "./plan.ts";
import { alreadyDecided } from "./resolve-answers.ts";
import { readRunInput } from "./run-input.ts";

/** An answer to an interrupt. */
export interface ResolveRequest {
  /** The run that ended with it; needed only where several interrupts of the session have its id. */
  readonly runId?: string;
  readonly interruptId: string;
  readonly status: ResumeEntry["status"];
  readonly payload?: ResumeEntry["payload"];
  /** What goes with the answer, such as who gave it. */
  readonly metadata?: ResumeEntry["metadata"];
}

/** What became of an answer. */
export interface Resolved {
  /** The interrupt as it is now. */
  readonly info: InterruptInfo;
  /** Interrupts of its run that still wait. */
  readonly open: readonly InterruptInfo[];
}

/**
 * Answers an interrupt, exactly once. The answer is durable when this resolves; the last one of a run starts the
 * run that goes on with all of them, in the same append.
 *
 * No run starts where every interrupt had expired before it was cancelled: nobody waits for it any more.
 */
export function resolveInterrupt(core: EngineCore, key: LogKey, request: ResolveRequest): Promise<Resolved> {
  return core.whileOpen(() =>
    core.sessions.use(key, (session) => session.mutex.run(() => resolveIn(core, session, request))),
  );
}

async function resolveIn(core: EngineCore, session: Session, request: ResolveRequest): Promise<Resolved> {
  const { interruptId, status, payload, metadata } = request;
  const answer: ResumeEntry = {
    interruptId,
    status,
    ...(payload !== undefined && { payload }),
    ...(metadata && { metadata }),
  };
  const { catalog } = core.store;
  const info = await findInterrupt(core, session, request);
  if (info.state === "decided") return firstOutcome(session, info, answer);
  session.assertOpen();
  // It may be in the catalog a moment before its run has ended.
  if (session.active?.info.runId === info.runId) await session.active.ended;
  const asked = await interruptedInput(session, info.runId);
  checkAnswer(info, answer, await checksFor(session, asked.input.tools ?? [], core));
  const others = openOf(session, info.runId).filter(({ interrupt }) => interrupt.id !== interruptId);
  const earlier = await decidedBeside(catalog, session.key, [info]);
  const answers = [...earlier.flatMap((one) => (one.answer ? [one.answer] : [])), answer];
  checkFits(info, answers, others, core.limits.eventMaxBytes);
  if (others.length > 0 || !goesOn(earlier, info, answer, core.now())) {
    await decide(session, info, answer, core.now());
  } else {
    await startResumed(core, session, asked, answers);
  }
  const decided = await getInterrupt(catalog, session.key, info.runId, interruptId);
  return { info: decided ?? info, open: openOf(session, info.runId) };
}

function openOf(session: Session, runId: string): InterruptInfo[] {
  return session.openInterrupts.filter((one) => one.runId === runId);
}

/** The interrupt that a request means. Throws where there is none, or more than one. */
async function findInterrupt(
  core: EngineCore,
  session: Session,
  { interruptId, runId = "" }: ResolveRequest,
): Promise<InterruptInfo> {
  const { catalog } = core.store;
  const ids = { interrupt_id: interruptId, session_id: session.sessionId };
  const found =
    runId === ""
      ? await interruptsNamed(catalog, session.key, interruptId)
      : [await getInterrupt(catalog, session.key, runId, interruptId)];
  const [info, another] = found;
  if (another) {
    const runs = found.flatMap((one) => one?.runId ?? []);
    throw new EngineError(
      "INVALID_REQUEST",
      `several interrupts of the session have the id ${quote(interruptId)}: say which by run_id, with ResolveInterrupt`,
      { ...ids, run_ids: runs.slice(0, namedRunsMax).join(",") },
    );
  }
  if (info) return info;
  const of = runId === "" ? "" : ` of the run ${quote(runId)}`;
  const message = `the session ${quote(session.sessionId)} has no interrupt ${quote(interruptId)}${of}`;
  throw new EngineError("INTERRUPT_NOT_FOUND", message, { ...ids, run_id: runId });
}

const namedRunsMax = 10;

/** The same answer again gets what the first one got; another one is too late. */
function firstOutcome(session: Session, info: InterruptInfo, answer: ResumeEntry): Resolved {
  if (info.answer && sameAnswer(info.answer, answer)) return { info, open: openOf(session, info.runId) };
  session.assertOpen();
  throw alreadyDecided(info);
}

/** Whether a run goes on with the answers: not where all were cancelled because their time was over. */
function goesOn(earlier: readonly InterruptInfo[], info: InterruptInfo, answer: ResumeEntry, nowMs: number) {
  const all = [...earlier, { ...info, answer, decideTime: nowMs }];
  return all.some(
    ({ interrupt, answer: given, decideTime = 0 }) =>
      given?.status !== "cancelled" || !isExpired(interrupt, decideTime),
  );
}

/** All answers of a run go into one event: each must leave room for the others, which can at least be cancelled. */
function checkFits(
  { interrupt, sessionId: threadId, runId }: InterruptInfo,
  answers: readonly ResumeEntry[],
  others: readonly InterruptInfo[],
  eventMaxBytes: number,
): void {
  const rest = others.map((one): ResumeEntry => ({ interruptId: one.interrupt.id, status: "cancelled" }));
  const ids = { threadId, runId: resumedRunId(threadId, runId), parentRunId: runId };
  const input = { ...ids, messages: [], resume: [...answers, ...rest] };
  try {
    const event = { type: "RUN_STARTED", ...ids, protocolVersion: "1.0", input } as const;
    encodeWithin(event, eventMaxBytes, `the answer to ${quote(interrupt.id)}`);
  } catch (error) {
    if (!(error instanceof EngineError) || error.reason !== "INVALID_INPUT") throw error;
    const metadata = { interrupt_id: interrupt.id, path: "" };
    throw new EngineError("INVALID_INTERRUPT_PAYLOAD", error.message, metadata);
  }
}

async function decide(
  session: Session,
  info: InterruptInfo,
  answer: ResumeEntry,
  now: number,
): Promise<void> {
  const decisions = decisionsOf([{ info, answer }], {}, now);
  const writer = await session.write();
  writer.add(decisions.records, session.interruptEntries(decisions.infos));
  await session.flush();
  applyDecisions(session, decisions);
}

/** The run that was interrupted, as it was asked for. */
interface Interrupted {
  readonly runId: string;
  readonly agentId: string;
  readonly input: RunAgentInput;
}

async function interruptedInput(session: Session, runId: string): Promise<Interrupted> {
  const run = await session.findRun(runId);
  if (!run) throw runNotFound(session.sessionId, runId);
  return { runId, agentId: run.agentId, input: await readRunInput(session, run) };
}

/** Starts the run that goes on: with all answers, and with what the interrupted one was given. */
async function startResumed(
  core: EngineCore,
  session: Session,
  { runId: interruptedRunId, agentId, input: asked }: Interrupted,
  answers: readonly ResumeEntry[],
): Promise<void> {
  const agent = core.agents.find(agentId)?.agent;
  if (!agent) throw agentNotFound(agentId);
  const { tools, context, forwardedProps } = asked;
  const runId = resumedRunId(session.sessionId, interruptedRunId);
  const input: RunAgentInput = {
    threadId: session.sessionId,
    runId,
    parentRunId: interruptedRunId,
    messages: [],
    ...(tools && { tools }),
    ...(context && { context }),
    ...(forwardedProps !== undefined && { forwardedProps }),
    resume: [...answers],
  };
  const { joined } = await core.runs.startOrJoin(
    session,
    {
      namespace: session.key.namespace,
      agentId,
      input,
      disconnect: { action: "continue", graceMs: 0 },
      ifActive: "queue",
      decidesAtOnce: true,
    },
    agent,
  );
  if (!joined) return;
  // Somebody has used the id for a run of their own, so it is not the one that goes on.
  throw new EngineError(
    "RUN_EXISTS",
    `the session ${quote(session.sessionId)} has a run ${quote(runId)} already: answer with resume in a new run`,
    { session_id: session.sessionId, run_id: runId },
  );
}

/** The id of the run that goes on where another was interrupted: always the same, so that there is only one. */
export function resumedRunId(sessionId: string, interruptedRunId: string): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([sessionId, interruptedRunId]))
    .digest("hex");
  return `resumed-${hash.slice(0, 32)}`;
}
