import type { Agent } from "@dragoman/agent";
import type { Message } from "@dragoman/agui";
import type { EngineCore } from "../core.ts";
import { type RunInfo, readEntry } from "../entries.ts";
import { readRunInput } from "../interrupts/run-input.ts";
import { newId } from "../new-id.ts";
import type { Session } from "../session.ts";
import type { RunRequest } from "../start-run.ts";

/** How many runs back that of the agent is looked for, behind changes that no agent made. */
const lookBackMax = 100;

/**
 * The run that goes on when a call has its result; undefined where none is to follow: other calls of the agent wait
 * for theirs, people are asked, something was said since, the last run was cancelled, or a run waits anyway.
 */
export async function followUpOf(
  core: EngineCore,
  session: Session,
  toolCallId: string,
): Promise<{ readonly request: RunRequest; readonly agent: Agent } | undefined> {
  if (!session.isIdle || session.openInterrupts.length > 0) return undefined;
  const open = openCallsAtEnd(session.fold.messages);
  if (open.length !== 1 || open[0] !== toolCallId) return undefined;
  const last = await lastAgentRun(core, session);
  if (!last || last.state === "canceled" || last.unverified) return undefined;
  const agent = core.agents.find(last.agentId)?.agent;
  if (!agent || agent.unverified) return undefined;
  const { tools, context, forwardedProps } = await readRunInput(session, last);
  const input = {
    threadId: session.sessionId,
    runId: newId(),
    messages: [],
    ...(tools && { tools }),
    ...(context && { context }),
    ...(forwardedProps !== undefined && { forwardedProps }),
  };
  const disconnect = { action: "continue", graceMs: 0 } as const;
  const { namespace } = session.key;
  const request: RunRequest = { namespace, agentId: last.agentId, input, ifActive: "reject", disconnect };
  return { request, agent };
}

/** The calls without a result that the agent made since somebody spoke to it. */
function openCallsAtEnd(messages: readonly Message[]): string[] {
  const answered = new Set<string>();
  const open: string[] = [];
  for (const message of messages.toReversed()) {
    if (message.role === "tool") answered.add(message.toolCallId);
    else if (message.role === "assistant")
      open.push(...(message.toolCalls ?? []).map(({ id }) => id).filter((id) => !answered.has(id)));
    else if (message.role !== "activity" && message.role !== "reasoning") break;
  }
  return open;
}

async function lastAgentRun(core: EngineCore, session: Session): Promise<RunInfo | undefined> {
  const { namespace, id: parent } = session.key;
  const entries = await core.store.catalog.list({ namespace, kind: "run", parent, limit: lookBackMax });
  return entries.map((entry) => readEntry<RunInfo>(entry)).find(({ origin }) => origin === "agent");
}
