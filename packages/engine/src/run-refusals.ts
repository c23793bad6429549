import { EngineError, quote } from "./errors.ts";
import type { Session } from "./session.ts";

/** The error for an agent that is not there. */
export function agentNotFound(agentId: string): EngineError {
  const message = agentId === "" ? "there is no default agent" : `there is no agent ${quote(agentId)}`;
  return new EngineError("AGENT_NOT_FOUND", message, { agent_id: agentId });
}

/** The error for a run that its own agent sent back here: joined, it would wait for itself. */
export function cameBack({ sessionId }: Session, runId: string): EngineError {
  const message = `the run ${quote(runId)} of the session ${quote(sessionId)} came back to the server that it is active on: its agent is behind itself`;
  return new EngineError("LIMIT_REACHED", message, { limit: "hopsMax", value: "0" });
}

/** The error for a run that exists with another input. */
export function runExists(session: Session, runId: string): EngineError {
  return new EngineError(
    "RUN_EXISTS",
    `the session ${quote(session.sessionId)} has a run ${quote(runId)} with another input: choose a new run id`,
    { session_id: session.sessionId, run_id: runId },
  );
}
