import type { ToolCallResultEvent } from "@dragoman/agui";
import { appendChange } from "../change.ts";
import type { EngineCore } from "../core.ts";
import { EngineError, limitReached, quote } from "../errors.ts";
import { newId } from "../new-id.ts";
import type { RunPort } from "../run-port.ts";
import type { Session } from "../session.ts";
import type { SessionWriter } from "../writer.ts";
import { type CallRecord, callChange, findCall, fingerprintOfCall } from "./call-entry.ts";
import { followUpOf } from "./follow-up.ts";
import type { ToolOutcome } from "./tool.ts";
import { sizeOfOutcome, toolResultEvent } from "./tool-result.ts";

/** The result of a call that a client executed. */
export interface SubmittedResult extends ToolOutcome {
  readonly toolCallId: string;
  /** Whether no run follows by itself. */
  readonly hold?: boolean;
  /** Called when a live agent took it in the run that is active now. */
  readonly onTaken?: () => void;
}

/** What became of a result. */
export interface AcceptedResult {
  /** The run that has the result or goes on with it; empty if none goes on with it now. */
  readonly runId: string;
  /** The sequence of its event; 0 where it is not known any more. */
  readonly sequence: number;
}

/** A result that is new, with what it is about. */
interface NewResult {
  readonly event: ToolCallResultEvent;
  /** What is kept of the call, but for where its result is. */
  readonly kept: Omit<CallRecord, "runId" | "sequence">;
  readonly submitted: SubmittedResult;
}

/** Throws LIMIT_REACHED for a result that is too large. */
export function checkResultSize(submitted: SubmittedResult, toolResultMaxBytes: number): void {
  const size = sizeOfOutcome(submitted);
  if (size <= toolResultMaxBytes) return;
  throw limitReached("toolResultMaxBytes", toolResultMaxBytes, `the result has ${size} bytes`);
}

/**
 * Takes the result of a call; the first one counts. Call it while holding the mutex of the session, with the port of
 * the active run. "again" if that run ended meanwhile.
 */
export async function submitResult(
  core: EngineCore,
  session: Session,
  port: RunPort | undefined,
  submitted: SubmittedResult,
): Promise<AcceptedResult | "again"> {
  const { toolCallId, content, error } = submitted;
  // What was answered a moment ago counts too.
  if (port) await session.flush();
  const before = await findCall(core, session, toolCallId);
  const known = session.fold.toolCall(toolCallId);
  const outcome = { content, ...(error !== undefined && { error }) };
  const event = toolResultEvent(session.fold.messages, toolCallId, outcome, known?.subagentRunId);
  const answer = fingerprintOfCall({ content: event.content, error: error ?? null });
  // An agent may use an id again: then earlier answers are those of another call.
  const isOpen = port?.calls.isOpen(toolCallId) ?? false;
  if (before?.answer !== undefined && !isOpen) {
    if (before.answer !== answer) throw alreadyAnswered(session, toolCallId);
    return { runId: before.runId, sequence: before.sequence };
  }
  const answered = session.fold.messages.find((one) => one.role === "tool" && one.toolCallId === toolCallId);
  if (answered && !isOpen) {
    if (answered.content !== event.content) throw alreadyAnswered(session, toolCallId);
    return { runId: "", sequence: 0 };
  }
  if (!known) throw callNotFound(session, toolCallId, "has no such call");
  session.assertOpen();
  refuseOthers(session, port, toolCallId);
  const failed = error === undefined ? {} : ({ reason: "TOOL_FAILED" } as const);
  const result = { event, kept: { ...before, toolCallId, answer, ...failed }, submitted };
  if (!port) return submitToIdle(core, session, result);
  const writer = await session.write();
  // From here to the record of it nothing else may come between: no await.
  if (session.active?.port !== port) return "again";
  return submitToRun(core, session, port, writer, result);
}

/** What people have to approve, or the server executes, waits for no client. */
function refuseOthers(session: Session, port: RunPort | undefined, toolCallId: string): void {
  const guard = session.openInterrupts.find(({ interrupt }) => interrupt.toolCallId === toolCallId);
  if (guard) {
    const why = `has this call, but it waits for an answer to the interrupt ${quote(guard.interrupt.id)}`;
    throw callNotFound(session, toolCallId, why);
  }
  if (port?.calls.isHosted(toolCallId))
    throw callNotFound(session, toolCallId, "has this call, but the server executes it");
}

/** The result becomes part of the active run. */
async function submitToRun(
  core: EngineCore,
  session: Session,
  port: RunPort,
  writer: SessionWriter,
  { event, kept, submitted }: NewResult,
): Promise<AcceptedResult> {
  const { toolCallId, content, error, hold } = submitted;
  const runId = session.active?.info.runId ?? "";
  const sequence = port.inject([event]);
  writer.add([], [callChange(core, session, { ...kept, runId, sequence })]);
  const outcome = { content, ...(error !== undefined && { error }) };
  if (port.inputs.isRead) {
    // Left untaken, it is for a run that follows.
    if (!hold) session.active?.promised.add(toolCallId);
    port.inputs.push({ type: "tool_result", toolCallId, ...outcome }, submitted.onTaken);
  } else if (!hold) port.calls.markFresh(toolCallId);
  await session.flush();
  core.tools.clients.take(session.key, toolCallId)?.(outcome);
  return { runId, sequence };
}

/** The result begins a run that goes on with it, or is a change of its own. */
async function submitToIdle(core: EngineCore, session: Session, result: NewResult): Promise<AcceptedResult> {
  const { event, kept, submitted } = result;
  const next = submitted.hold ? undefined : await followUpOf(core, session, submitted.toolCallId);
  let accepted = { runId: "", sequence: 0 };
  const keep = (runId: string, sequence: number) => {
    accepted = { runId, sequence };
    return [callChange(core, session, { ...kept, runId, sequence })];
  };
  if (next) {
    const { request, agent } = next;
    const catalog = (sequence: number) => keep(request.input.runId, sequence);
    await core.runs.startOrJoin(session, { ...request, opening: { events: [event], catalog } }, agent);
    return accepted;
  }
  const queuedRunId = session.queue[0]?.info.runId ?? "";
  const writer = await session.write();
  const catalog = keep(queuedRunId, writer.nextSequence + 1);
  const change = { runId: newId(), origin: "tool", events: [event], catalog } as const;
  await session.writing(() => appendChange(session, change, core.created()));
  return accepted;
}

function callNotFound(session: Session, toolCallId: string, why: string): EngineError {
  const { sessionId } = session;
  return new EngineError(
    "TOOL_CALL_NOT_FOUND",
    `no call ${quote(toolCallId)} waits for a client: the session ${quote(sessionId)} ${why}`,
    { session_id: sessionId, tool_call_id: toolCallId },
  );
}

function alreadyAnswered(session: Session, toolCallId: string): EngineError {
  return new EngineError(
    "TOOL_CALL_ANSWERED",
    `the call ${quote(toolCallId)} has another result: read the session on, and leave it at that`,
    { session_id: session.sessionId, tool_call_id: toolCallId },
  );
}
