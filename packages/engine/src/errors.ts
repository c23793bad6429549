import type { Problem } from "@dragoman/agui";

/** Something the caller can handle. `reason` is one of agent.v1.ErrorReason, without the prefix. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly reason: EngineErrorReason;
  /** Everything variable that the message mentions. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Everything that is wrong with a value, where the caller can correct it. */
  readonly problems: readonly Problem[];
  constructor(
    reason: EngineErrorReason,
    message: string,
    metadata: Readonly<Record<string, string>> = {},
    problems: readonly Problem[] = [],
  ) {
    super(message);
    this.reason = reason;
    this.metadata = metadata;
    this.problems = problems;
  }
}

/** The reasons an engine gives. */
export type EngineErrorReason =
  | "AGENT_NOT_FOUND"
  | "SESSION_NOT_FOUND"
  | "RUN_NOT_FOUND"
  | "INVALID_INPUT"
  | "INVALID_INTERRUPT_PAYLOAD"
  | "INVALID_PAGE_TOKEN"
  | "RUN_EXISTS"
  | "SESSION_EXISTS"
  | "INTERRUPT_DECIDED"
  | "INTERRUPT_EXPIRED"
  | "RUN_ACTIVE"
  | "SESSION_ENDED"
  | "STALE_HISTORY"
  | "STALE_STATE"
  | "FENCED"
  | "CURSOR_AHEAD"
  | "CURSOR_OF_ANOTHER_LOG"
  | "CURSOR_EXPIRED"
  | "LIMIT_REACHED"
  | "STORAGE_FULL"
  | "STORAGE_UNAVAILABLE"
  | "SHUTTING_DOWN"
  | "INVALID_TOOL"
  | "INVALID_TOOL_ARGUMENTS"
  | "TOOL_NOT_FOUND"
  | "TOOL_CALL_NOT_FOUND"
  | "BATCH_NOT_FOUND"
  | "INTERRUPT_NOT_FOUND"
  | "INVALID_REQUEST"
  | "TOOL_EXISTS"
  | "TOOL_CALL_ANSWERED"
  | "AGENT_EXISTS"
  | "BATCH_EXISTS"
  | "REQUEST_EXISTS"
  | "RUN_FAILED"
  | "RUN_ENDED"
  | "SESSION_EXPIRED"
  | "SPAWN_TOO_DEEP"
  | "STATE_CHANGE_NOT_APPLICABLE"
  | "TOOL_FAILED"
  | "TOOL_TIMED_OUT"
  | "AGENT_BUILT_IN"
  | "AGENT_UNAVAILABLE"
  | "ENDPOINT_NOT_ALLOWED"
  | "UNSUPPORTED";

/** Returns the error of a limit that was reached. */
export function limitReached(limit: string, value: number, message: string): EngineError {
  return new EngineError("LIMIT_REACHED", `${message} (${limit} is ${value})`, {
    limit,
    value: String(value),
  });
}

/** Returns the error for a session that is not there. */
export function sessionNotFound(sessionId: string): EngineError {
  return new EngineError("SESSION_NOT_FOUND", `there is no session ${quote(sessionId)}`, {
    session_id: sessionId,
  });
}

/** Returns the error for a run that is not there. */
export function runNotFound(sessionId: string, runId: string): EngineError {
  const what = runId === "" ? "a run" : `run ${quote(runId)}`;
  return new EngineError(
    "RUN_NOT_FOUND",
    `the session ${quote(sessionId)} has no ${what.replace(/^a /, "")}`,
    {
      session_id: sessionId,
      run_id: runId,
    },
  );
}

/** Returns the error for what would begin while the engine stops. */
export function shuttingDown(): EngineError {
  return new EngineError("SHUTTING_DOWN", "the server is shutting down and takes no more runs");
}

/** Quotes an id for a message, shortened. */
export function quote(id: string): string {
  return JSON.stringify(id.length > 80 ? `${id.slice(0, 80)}…` : id);
}
