import { Code, ConnectError } from "@connectrpc/connect";
import {
  type ErrorInfo,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "@dragoman/contract/google/rpc/error_details_pb";

/** The `google.rpc.ErrorInfo` of an error of the contract; undefined for any other value. */
export function errorInfoOf(error: unknown): ErrorInfo | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  return error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === "dragoman");
}

/**
 * Why a call failed: the name of a reason of `agent.v1.ErrorReason` without its prefix, such as "RUN_ACTIVE".
 * Undefined where the error does not come from a service of the contract.
 */
export function errorReasonOf(error: unknown): string | undefined {
  return errorInfoOf(error)?.reason;
}

/** How long the server wants to be left alone, in milliseconds; 0 if it does not say. */
export function retryDelayMsOf(error: ConnectError): number {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay === undefined ? 0 : Number(delay.seconds) * 1000 + delay.nanos / 1e6;
}

/**
 * Whether an error means that a stream was cut, not that the call failed: the same place may be reached
 * again. A status CANCELED counts, because servers that are stopped by force send it; the caller knows whether
 * it was the one who cancelled.
 */
export function isCut(error: ConnectError): boolean {
  switch (error.code) {
    case Code.Unavailable:
    case Code.Canceled:
      return true;
    case Code.ResourceExhausted:
      return errorReasonOf(error) === "SLOW_READER";
    case Code.Aborted:
      return errorReasonOf(error) === "FENCED";
    default:
      return false;
  }
}

/** The same error with more said about it. */
export function explained(error: ConnectError, message: string): ConnectError {
  const result = new ConnectError(message, error.code, error.metadata, undefined, error);
  result.details = error.details;
  return result;
}
