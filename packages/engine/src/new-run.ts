import { createHash } from "node:crypto";
import type { Agent } from "@dragoman/agent";
import type { Created } from "./creation.ts";
import type { RunInfo } from "./entries.ts";
import type { Session } from "./session.ts";
import type { RunRequest } from "./start-run.ts";

/** A run that was let in and has not begun. */
export function newRunInfo(
  session: Session,
  request: RunRequest,
  fingerprint: string,
  agent: Agent,
  created: Created,
): RunInfo {
  const { input, agentId } = request;
  return {
    namespace: session.key.namespace,
    sessionId: session.sessionId,
    runId: input.runId,
    agentId,
    ...created,
    state: "running",
    fingerprint,
    inputRecord: 0,
    firstSequence: 0,
    lastSequence: 0,
    origin: request.origin ?? "agent",
    warningCount: 0,
    droppedEventCount: 0,
    ...(input.parentRunId !== undefined && { parentRunId: input.parentRunId }),
    ...(agent.unverified && { unverified: true }),
    ...(request.decidesAtOnce && { isUnattended: true }),
    ...(request.hops && { hops: request.hops }),
  };
}

/** What is asked of the run that answers what the agent of a run did not take. */
export function followUpOf({ namespace, agentId, input: asked }: RunRequest): RunRequest {
  const { threadId, runId, tools, context, forwardedProps } = asked;
  const input = {
    threadId,
    runId: followUpRunId(runId),
    messages: [],
    ...(tools && { tools }),
    ...(context && { context }),
    ...(forwardedProps !== undefined && { forwardedProps }),
  };
  return { namespace, agentId, input, ifActive: "queue", disconnect: { action: "continue", graceMs: 0 } };
}

function followUpRunId(runId: string): string {
  return `follow-up-${createHash("sha256").update(runId).digest("hex").slice(0, 32)}`;
}
