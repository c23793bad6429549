/** Codes that a host writes into RUN_ERROR by itself. Part of the contract: they keep their meaning. */
export const runErrorCodes = {
  /** An event of the agent is not one of AG-UI: a field is missing or of the wrong type. */
  invalidEvent: "INVALID_EVENT",
  /** The agent's events break a rule of order. The message begins with the rule. */
  protocolViolation: "PROTOCOL_VIOLATION",
  /** The agent stopped without RUN_FINISHED or RUN_ERROR. */
  missingTerminal: "MISSING_TERMINAL",
  /** The agent threw. */
  agentError: "AGENT_ERROR",
  /** The agent cannot be reached, or was lost in the middle of a run. */
  agentUnavailable: "AGENT_UNAVAILABLE",
} as const;

/** Marks the errors of this package, so that two copies of it in one program know each other's. */
const brand = Symbol.for("dragoman.agent.error");

/**
 * Thrown by an agent to end its run with a RUN_ERROR of a code of its own. The message is shown to clients.
 * Any other error ends it with AGENT_ERROR and the error's message.
 */
export class AgentError extends Error {
  override name = "AgentError";
  readonly [brand] = true;
  /** What clients can act on, such as "RATE_LIMITED". */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The agent runs elsewhere and cannot be reached, refused the run, or was lost in the middle of it. */
export class AgentUnavailableError extends AgentError {
  override name = "AgentUnavailableError";

  constructor(message: string, options?: ErrorOptions) {
    super(runErrorCodes.agentUnavailable, message, options);
  }
}

/** Whether an error is an AgentError, of this copy of the package or another one. */
export function isAgentError(error: unknown): error is AgentError {
  return error instanceof Error && brand in error;
}
