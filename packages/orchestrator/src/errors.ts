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
};

/** What is missing, by the metadata key that names it. */
const resourceKeys = {
  AGENT_NOT_FOUND: "agent",
  SESSION_NOT_FOUND: "session",
  RUN_NOT_FOUND: "run",
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
  const resourceType = resourceKeys[error.reason as keyof typeof resourceKeys];
  if (resourceType === undefined) return [];
  const resourceName = error.metadata[`${resourceType}_id`] ?? "";
  return [{ desc: ResourceInfoSchema, value: { resourceType, resourceName, description: error.message } }];
}
