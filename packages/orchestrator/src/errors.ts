import { Code, type ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ResourceInfoSchema } from "@dragoman/contract/google/rpc/error_details_pb";
import { EngineError, type EngineErrorReason } from "@dragoman/engine";
import { type ErrorDetail, reasonError } from "@dragoman/rpc";

/** The status code of each reason, chosen by what the client should do. */
const codes: Readonly<Record<EngineErrorReason, Code>> = {
  AGENT_NOT_FOUND: Code.NotFound,
  SESSION_NOT_FOUND: Code.NotFound,
  RUN_NOT_FOUND: Code.NotFound,
  INVALID_INPUT: Code.InvalidArgument,
  INVALID_INTERRUPT_PAYLOAD: Code.InvalidArgument,
  INVALID_PAGE_TOKEN: Code.InvalidArgument,
  RUN_EXISTS: Code.AlreadyExists,
  SESSION_EXISTS: Code.AlreadyExists,
  INTERRUPT_DECIDED: Code.AlreadyExists,
  INTERRUPT_EXPIRED: Code.FailedPrecondition,
  RUN_ACTIVE: Code.FailedPrecondition,
  SESSION_ENDED: Code.FailedPrecondition,
  STALE_HISTORY: Code.Aborted,
  STALE_STATE: Code.Aborted,
  FENCED: Code.Aborted,
  CURSOR_AHEAD: Code.OutOfRange,
  CURSOR_OF_ANOTHER_LOG: Code.OutOfRange,
  CURSOR_EXPIRED: Code.OutOfRange,
  LIMIT_REACHED: Code.ResourceExhausted,
  STORAGE_FULL: Code.ResourceExhausted,
  STORAGE_UNAVAILABLE: Code.Unavailable,
  SHUTTING_DOWN: Code.Unavailable,
  INVALID_REQUEST: Code.InvalidArgument,
  INVALID_TOOL: Code.InvalidArgument,
  INVALID_TOOL_ARGUMENTS: Code.InvalidArgument,
  TOOL_NOT_FOUND: Code.NotFound,
  TOOL_CALL_NOT_FOUND: Code.NotFound,
  BATCH_NOT_FOUND: Code.NotFound,
  INTERRUPT_NOT_FOUND: Code.NotFound,
  TOOL_EXISTS: Code.AlreadyExists,
  TOOL_CALL_ANSWERED: Code.AlreadyExists,
  AGENT_EXISTS: Code.AlreadyExists,
  BATCH_EXISTS: Code.AlreadyExists,
  REQUEST_EXISTS: Code.AlreadyExists,
  RUN_FAILED: Code.FailedPrecondition,
  RUN_ENDED: Code.FailedPrecondition,
  SESSION_EXPIRED: Code.FailedPrecondition,
  SPAWN_TOO_DEEP: Code.FailedPrecondition,
  STATE_CHANGE_NOT_APPLICABLE: Code.FailedPrecondition,
  TOOL_FAILED: Code.FailedPrecondition,
  AGENT_BUILT_IN: Code.FailedPrecondition,
  TOOL_TIMED_OUT: Code.DeadlineExceeded,
  AGENT_UNAVAILABLE: Code.Unavailable,
  ENDPOINT_NOT_ALLOWED: Code.PermissionDenied,
  UNSUPPORTED: Code.Unimplemented,
};

/** What is missing, by the metadata key that names it. */
const resourceKeys = {
  AGENT_NOT_FOUND: "agent",
  SESSION_NOT_FOUND: "session",
  RUN_NOT_FOUND: "run",
  BATCH_NOT_FOUND: "batch",
  INTERRUPT_NOT_FOUND: "interrupt",
  TOOL_NOT_FOUND: "tool",
  TOOL_CALL_NOT_FOUND: "tool_call",
} as const;

/** Maps an error of the engine to the status that clients see; others pass as they are. */
export function toConnectError(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error;
  return reasonError(codes[error.reason], error.reason, error.message, {
    metadata: error.metadata,
    details: detailsOf(error),
  });
}

/** Runs a call of the engine and maps what it throws. */
export async function mapErrors<T>(call: () => Promise<T> | T): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toConnectError(error);
  }
}

/** One problem of an input, as `checkRunAgentInput` reports it. */
export interface Problem {
  readonly path: string;
  readonly message: string;
  readonly rule: string;
}

/** The error for an input that breaks AG-UI's rules, with all its problems. */
export function invalidInput(problems: readonly Problem[]): ConnectError {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  const fieldViolations = problems.map(({ path, message, rule }) => {
    return { field: path, description: message, reason: rule.toUpperCase() };
  });
  const message = `the run input is not valid: ${first?.path || "/"}: ${first?.message ?? ""}${more}`;
  return reasonError(Code.InvalidArgument, "INVALID_INPUT", message, {
    metadata: { path: first?.path ?? "" },
    details: [{ desc: BadRequestSchema, value: { fieldViolations } }],
  });
}

function detailsOf(error: EngineError): ErrorDetail[] {
  if (error.problems.length > 0) {
    const fieldViolations = error.problems.map(({ path, message, rule }) => {
      return { field: path, description: message, reason: rule.toUpperCase() };
    });
    return [{ desc: BadRequestSchema, value: { fieldViolations } }];
  }
  const resourceType = resourceKeys[error.reason as keyof typeof resourceKeys];
  if (resourceType === undefined) return [];
  const resourceName = error.metadata[`${resourceType}_id`] ?? error.metadata[`${resourceType}_name`] ?? "";
  return [{ desc: ResourceInfoSchema, value: { resourceType, resourceName, description: error.message } }];
}
