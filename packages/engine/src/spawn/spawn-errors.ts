import { EngineError, quote } from "../errors.ts";

/** The error for a parent that can start nothing any more. */
export function runEnded(sessionId: string, runId: string): EngineError {
  return new EngineError(
    "RUN_ENDED",
    `the run ${quote(runId)} is not active and can start no sub-agent: name an active run, or no parent`,
    { session_id: sessionId, run_id: runId },
  );
}

/** The error for one sub-agent too deep. */
export function spawnTooDeep(depth: number, limit: number): EngineError {
  return new EngineError(
    "SPAWN_TOO_DEEP",
    `the sub-agent would be ${depth} deep, more than ${limit} (spawnDepthMax): do the task in the run itself`,
    { depth: String(depth), limit: String(limit) },
  );
}

/** The error for a task id that the parent uses for a sub-agent of its own. */
export function taskIdTaken(sessionId: string, runId: string): EngineError {
  return new EngineError(
    "RUN_EXISTS",
    `the parent's run has a sub-agent ${quote(runId)} already: choose a new task id`,
    { session_id: sessionId, run_id: runId },
  );
}
