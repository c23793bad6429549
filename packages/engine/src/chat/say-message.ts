import type { Agent } from "@dragoman/agent";
import type { Context, Json, Message, RunAgentInput, Tool } from "@dragoman/agui";
import type { EngineCore } from "../core.ts";
import type { Session } from "../session.ts";
import type { RunRequest } from "../start-run.ts";
import { type ChatOutcome, findSaid, runIdOf } from "./said-messages.ts";
import { isPlainText, steer } from "./steer.ts";

/** A message for a chat. */
export interface ChatMessage {
  readonly message: Message;
  /** What happens to it while a run is active. */
  readonly mode: "queue" | "steer";
  /** The agent that answers; empty for the one of the last run, else the default one. */
  readonly agentId: string;
  /** What a run that it begins is offered and given. */
  readonly tools?: Tool[];
  readonly context?: Context[];
  readonly forwardedProps?: Json;
}

/** The agent that a message is for. */
export interface ChatAgent {
  readonly agentId: string;
  readonly agent: Agent;
}

/**
 * Says something in a session: to the agent at work where it listens and the mode is so, else with a run of its
 * own. What was said before is not said again: what became of it is returned. Call it while holding the mutex.
 */
export async function sayMessage(
  core: EngineCore,
  session: Session,
  said: ChatMessage,
  agent: ChatAgent,
): Promise<ChatOutcome> {
  const { message } = said;
  const before = await findSaid(session, message, core.store.catalog);
  if (before) return before;
  session.assertOpen();
  if (said.mode === "queue" || !isPlainText(message)) return begin(core, session, said, agent, [message]);
  const steered = await steer(core, session, message);
  if (steered === "not live") return begin(core, session, said, agent, [message]);
  // It is in the history already, but the run ended before its agent could take it.
  return steered === "unheard" ? begin(core, session, said, agent, []) : steered;
}

/** Starts the run of a message, or queues it. */
async function begin(
  core: EngineCore,
  session: Session,
  { message, tools, context, forwardedProps }: ChatMessage,
  { agentId, agent }: ChatAgent,
  messages: Message[],
): Promise<ChatOutcome> {
  const afterSequence = session.headSequence;
  const input: RunAgentInput = {
    threadId: session.sessionId,
    runId: runIdOf(message.id),
    messages,
    ...(tools && { tools }),
    ...(context && { context }),
    ...(forwardedProps !== undefined && { forwardedProps }),
  };
  const request: RunRequest = {
    namespace: session.key.namespace,
    agentId,
    input,
    ifActive: "queue",
    history: "append",
    disconnect: { action: "continue", graceMs: 0 },
  };
  const { run } = await core.runs.startOrJoin(session, request, agent);
  const info = "info" in run ? run.info : run;
  const disposition = info.state === "queued" ? "queued" : "started";
  return { disposition, runId: info.runId, afterSequence };
}
