import { randomUUID } from "node:crypto";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";
import type { Log } from "../log.ts";

/**
 * Returns the error that a client may see.
 *
 * Errors of the contract pass. Anything else is a bug: the client gets INTERNAL with an id, and the log
 * gets the cause under that id. No message, stack or path of ours leaves the process.
 */
export function publicError(error: unknown, log: Log): ConnectError {
  if (error instanceof ConnectError) {
    return error;
  }
  const id = randomUUID();
  log.error(`internal error ${id}`, error);
  return reasonError(Code.Internal, "INTERNAL", `Internal error. The server logged it as ${id}.`, {
    metadata: { id },
    cause: error,
  });
}

/** Applies {@link publicError} to the calls that Connect's own handlers serve. */
export function createErrorInterceptor(log: Log): Interceptor {
  return (next) => async (request) => {
    try {
      return await next(request);
    } catch (error) {
      throw publicError(error, log);
    }
  };
}
