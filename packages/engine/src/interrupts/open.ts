import type { Interrupt, Message, RunErrorEvent, RunFinishedEvent, ToolCall } from "@dragoman/agui";
import { orderOf } from "../creation.ts";
import type { InterruptInfo, RunInfo } from "../entries.ts";
import type { Session } from "../session.ts";
import { cancellationsOf, type Decisions, nothingDecided } from "./decisions.ts";

/** How long the arguments of a call may be to be kept with its interrupt, in characters. */
const argumentsMaxLength = 256 * 1024;

/**
 * What is written for the interrupts that are new with the end of a run. A run that repeats open ones opens none;
 * one that nobody checks opens none, because nobody can go on with it. Where the session takes no more runs, they
 * are cancelled at once.
 */
export function openingsOf(
  session: Session,
  run: RunInfo,
  event: RunFinishedEvent | RunErrorEvent | undefined,
  nowMs: number,
): Decisions {
  const known = new Set(session.openInterrupts.map((info) => info.interrupt.id));
  const created = interruptsIn(event).filter((interrupt) => !known.has(interrupt.id));
  if (created.length === 0 || run.unverified) return nothingDecided;
  const { namespace, sessionId, runId, agentId } = run;
  const calls = callsIn(session.fold.messages);
  const infos = created.map((interrupt, index): InterruptInfo => {
    const of = { namespace, sessionId, runId, agentId };
    const made = { createTime: nowMs, order: orderOf(nowMs, index) };
    return { ...of, interrupt, ...callOf(calls, interrupt), ...made, state: "open" };
  });
  return session.info.state === "active" ? { records: [], infos } : cancellationsOf(infos, nowMs);
}

/** The interrupts that a run ends with. */
export function interruptsIn(event: RunFinishedEvent | RunErrorEvent | undefined): readonly Interrupt[] {
  if (event?.type !== "RUN_FINISHED" || event.outcome?.type !== "interrupt") return [];
  return event.outcome.interrupts;
}

type Calls = ReadonlyMap<string, ToolCall["function"]>;

function callsIn(messages: readonly Message[]): Calls {
  const all = messages.flatMap((message) => (message.role === "assistant" ? (message.toolCalls ?? []) : []));
  return new Map(all.map((call) => [call.id, call.function]));
}

/** The call that an interrupt holds back, as the history has it. */
function callOf(calls: Calls, { toolCallId }: Interrupt) {
  const call = toolCallId === undefined ? undefined : calls.get(toolCallId);
  if (!call) return {};
  const { name: toolName, arguments: toolArguments } = call;
  return toolArguments.length > argumentsMaxLength ? { toolName } : { toolName, toolArguments };
}
