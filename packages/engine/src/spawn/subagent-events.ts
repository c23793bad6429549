import type { SubagentErrorEvent, SubagentFinishedEvent, SubagentStartedEvent } from "@dragoman/agui";
import type { InterruptInfo, RunInfo } from "../entries.ts";
import type { SpawnRequest } from "./spawn-request.ts";

/** The key of SUBAGENT_STARTED.metadata that names the session of a sub-agent. */
const sessionKey = "dragoman-session";

/** What the parent's readers see of a sub-agent that began. */
export function subagentStarted(
  { agentId, taskId, name = agentId, description, parentToolCallId }: SpawnRequest,
  sessionId: string,
  agentDescription: string | undefined,
): SubagentStartedEvent {
  const about = description ?? agentDescription;
  return {
    type: "SUBAGENT_STARTED",
    subagentRunId: taskId,
    name,
    ...(about !== undefined && { description: about }),
    ...(parentToolCallId !== undefined && { parentToolCallId }),
    metadata: { [sessionKey]: sessionId },
  };
}

/** What the parent's readers see of a sub-agent that ended. */
export function subagentEnded(
  { runId: subagentRunId, state, errorCode, errorMessage }: RunInfo,
  openInterrupts: readonly InterruptInfo[],
): SubagentFinishedEvent | SubagentErrorEvent {
  switch (state) {
    case "succeeded":
      return { type: "SUBAGENT_FINISHED", subagentRunId, outcome: { type: "success" } };
    case "interrupted": {
      const interruptIds = openInterrupts.map(({ interrupt }) => interrupt.id);
      return { type: "SUBAGENT_FINISHED", subagentRunId, outcome: { type: "suspended", interruptIds } };
    }
    case "canceled":
      return subagentCancelled(subagentRunId, "The subagent was cancelled.");
    default:
      return {
        type: "SUBAGENT_ERROR",
        subagentRunId,
        message: errorMessage || "The subagent failed.",
        ...(errorCode && { code: errorCode }),
      };
  }
}

/** What the parent's readers see of a sub-agent that does not end by itself. */
export function subagentCancelled(subagentRunId: string, message: string): SubagentErrorEvent {
  return { type: "SUBAGENT_ERROR", subagentRunId, message, code: "cancelled" };
}
