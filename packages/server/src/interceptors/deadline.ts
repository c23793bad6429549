import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { deadlineError, raceAbort } from "@dragoman/rpc";

/**
 * Answers when the deadline passes or the server stops, even if the handler goes on.
 *
 * Connect only aborts the signal, so that a handler which ignores it could answer OK long after.
 * For the calls that Connect's own handler serves; ours race every wait for a handler themselves.
 */
export const deadlineInterceptor: Interceptor = (next) => async (request) => {
  try {
    return await raceAbort(next(request), request.signal);
  } catch (error) {
    throw error === request.signal.reason && isPlainDeadline(error) ? deadlineError() : error;
  }
};

function isPlainDeadline(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.DeadlineExceeded && error.details.length === 0;
}
