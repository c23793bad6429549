import { create } from "@bufbuild/protobuf";
import { type Code, ConnectError } from "@connectrpc/connect";
import { ErrorReason } from "@dragoman/contract/agent/v1/error_reason_pb";
import { type ErrorInfo, ErrorInfoSchema } from "@dragoman/contract/google/rpc/error_details_pb";

/** The domain of every `google.rpc.ErrorInfo` of this system. */
export const errorDomain = "dragoman";

/** A reason of `agent.v1.ErrorReason`, without the prefix `ERROR_REASON_`. */
export type ErrorReasonName = keyof typeof ErrorReason;

/** One error detail: a message that is packed into the status. */
export type ErrorDetail = NonNullable<ConstructorParameters<typeof ConnectError>[3]>[number];

/** What an error carries besides its code, reason and message. */
export interface ReasonErrorOptions {
  /** Everything variable that the message mentions. The keys belong to the contract, see `ErrorReason`. */
  readonly metadata?: Readonly<Record<string, string | number | bigint>>;
  /** Further `google.rpc` details, such as `BadRequest`. They follow the `ErrorInfo`. */
  readonly details?: readonly ErrorDetail[];
  /** What led to it. Stays in this process. */
  readonly cause?: unknown;
}

/**
 * Makes an error of the contract: a status code with a `google.rpc.ErrorInfo`.
 *
 * The message is for people: one sentence that says what to do. Programs branch on the reason.
 */
export function reasonError(
  code: Code,
  reason: ErrorReasonName | ErrorReason,
  message: string,
  options: ReasonErrorOptions = {},
): ConnectError {
  const metadata: Record<string, string> = {};
  for (const [key, value] of Object.entries(options.metadata ?? {})) {
    metadata[key] = String(value).toWellFormed();
  }
  const info = create(ErrorInfoSchema, {
    reason: typeof reason === "number" ? ErrorReason[reason] : reason,
    domain: errorDomain,
    metadata,
  });
  const details: ErrorDetail[] = [{ desc: ErrorInfoSchema, value: info }, ...(options.details ?? [])];
  return new ConnectError(message.toWellFormed(), code, undefined, details, options.cause);
}

/** Returns the `ErrorInfo` that an error carries, of this process or from the wire; undefined if none. */
export function errorInfoOf(error: unknown): ErrorInfo | undefined {
  if (!(error instanceof ConnectError)) {
    return undefined;
  }
  return error.findDetails(ErrorInfoSchema).find((info) => info.domain === errorDomain);
}

/** Returns the reason of an error of the contract, such as `RUN_ACTIVE`; undefined for any other value. */
export function errorReasonOf(error: unknown): string | undefined {
  return errorInfoOf(error)?.reason;
}
