import type { Duration } from "@bufbuild/protobuf/wkt";
import {
  type RunAgentLoopResponse,
  type RunAgentLoopStreamResponse,
  RunOutcome,
  type SpawnAgentResponse,
  type TokenUsage,
} from "@dragoman/contract/agent/v1/agent_service_pb";

/** The tokens that a run took. */
export interface AgentUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
}

/** How a run ended that did not fail. */
export type AgentOutcome = "success" | "interrupted" | "cancelled";

/** The answer of one turn. */
export interface AgentAnswer {
  /** The final text of the assistant. */
  readonly content: string;
  readonly sessionId: string;
  readonly runId: string;
  readonly outcome: AgentOutcome;
  /** The interrupts that wait for an answer, where it is interrupted. */
  readonly interruptIds: readonly string[];
  /** Absent where the agent does not say. */
  readonly usage?: AgentUsage;
}

/** The answer of a sub-agent. */
export interface SpawnAnswer extends Omit<AgentAnswer, "runId"> {
  /** The task: the run id of the sub-agent. */
  readonly taskId: string;
  readonly targetAgentId: string;
  readonly durationMs: number;
}

/** What each kind of event of a turn says. */
export interface AgentEventData {
  /** The session was found or made. Always first. */
  readonly session_resolved: {
    readonly sessionId: string;
    readonly runId: string;
    readonly created: boolean;
  };
  /** A piece of the answer. */
  readonly stream_delta: { readonly messageId: string; readonly text: string };
  /** A tool call began. */
  readonly tool_call_start: { readonly toolCallId: string; readonly name: string };
  /** The arguments of a tool call are complete. */
  readonly tool_call_complete: {
    readonly toolCallId: string;
    readonly name: string;
    /** As JSON text. */
    readonly argumentsJson: string;
  };
  /** A tool call has its result. */
  readonly tool_result: {
    readonly toolCallId: string;
    readonly content: string;
    /** Absent where nobody measured it. */
    readonly durationMs?: number;
  };
  /** The turn is over. */
  readonly completed: AgentAnswer;
  /** The turn failed. */
  readonly error: { readonly code: string; readonly message: string };
}

/** An event of a turn: its type, what it says as JSON text in `data`, and the same as fields. */
export type AgentEvent = {
  [Type in keyof AgentEventData]: AgentEventData[Type] & { readonly type: Type; readonly data: string };
}[keyof AgentEventData];

const outcomes: Readonly<Record<RunOutcome, AgentOutcome>> = {
  // A server that is newer than this client: the run did not fail.
  [RunOutcome.UNSPECIFIED]: "success",
  [RunOutcome.SUCCESS]: "success",
  [RunOutcome.INTERRUPTED]: "interrupted",
  [RunOutcome.CANCELLED]: "cancelled",
};

/** Reads an answer from its wire form. */
export function toAgentAnswer(message: RunAgentLoopResponse): AgentAnswer {
  const { content, sessionId, runId, outcome, interruptIds, usage } = message;
  return {
    content,
    sessionId,
    runId,
    outcome: outcomes[outcome] ?? "success",
    interruptIds,
    ...(usage && { usage: toUsage(usage) }),
  };
}

/** Reads the answer of a sub-agent from its wire form. */
export function toSpawnAnswer(message: SpawnAgentResponse): SpawnAnswer {
  const { taskId, targetAgentId, content, sessionId, outcome, interruptIds, duration, usage } = message;
  return {
    taskId,
    targetAgentId,
    content,
    sessionId,
    outcome: outcomes[outcome] ?? "success",
    interruptIds,
    durationMs: duration === undefined ? 0 : toMs(duration),
    ...(usage && { usage: toUsage(usage) }),
  };
}

/** Reads an event of a turn from its wire form; undefined for a heartbeat and for kinds that are not known. */
export function toAgentEvent({ event }: RunAgentLoopStreamResponse): AgentEvent | undefined {
  switch (event.case) {
    case "sessionResolved": {
      const { sessionId, runId, created } = event.value;
      return agentEvent("session_resolved", { sessionId, runId, created });
    }
    case "streamDelta": {
      const { messageId, text } = event.value;
      return agentEvent("stream_delta", { messageId, text });
    }
    case "toolCallStart": {
      const { toolCallId, name } = event.value;
      return agentEvent("tool_call_start", { toolCallId, name });
    }
    case "toolCallComplete": {
      const { toolCallId, name, argumentsJson } = event.value;
      return agentEvent("tool_call_complete", { toolCallId, name, argumentsJson });
    }
    case "toolResult": {
      const { toolCallId, content, duration } = event.value;
      const measured = duration && { durationMs: toMs(duration) };
      return agentEvent("tool_result", { toolCallId, content, ...measured });
    }
    case "completed":
      return agentEvent("completed", toAgentAnswer(event.value));
    case "error": {
      const { code, message } = event.value;
      return agentEvent("error", { code, message });
    }
    default:
      return undefined;
  }
}

function agentEvent<Type extends keyof AgentEventData>(type: Type, said: AgentEventData[Type]): AgentEvent {
  // The compiler does not see that the type and what is said go together for every type alike.
  return { ...said, type, data: JSON.stringify(said) } as unknown as AgentEvent;
}

function toUsage({ inputTokens, outputTokens, totalTokens }: TokenUsage): AgentUsage {
  return {
    inputTokens: Number(inputTokens),
    outputTokens: Number(outputTokens),
    totalTokens: Number(totalTokens),
  };
}

function toMs({ seconds, nanos }: Pick<Duration, "seconds" | "nanos">): number {
  return Number(seconds) * 1000 + nanos / 1e6;
}
