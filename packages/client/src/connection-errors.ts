import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";

/**
 * Gives a broken connection one code, UNAVAILABLE, where stock transports say CANCELED, ABORTED, INTERNAL or
 * UNKNOWN, depending on who noticed it first. Statuses of the server and what the caller aborted are left alone.
 *
 * Put it last among interceptors, next to the wire.
 */
export const connectionErrors: Interceptor = (next) => async (request) => {
  const explain = (error: unknown) => (request.signal.aborted ? error : asUnavailable(error));
  try {
    const response = await next(request);
    if (!response.stream) return response;
    return { ...response, message: explainEach(response.message, explain) };
  } catch (error) {
    throw explain(error);
  }
};

async function* explainEach<T>(
  items: AsyncIterable<T>,
  explain: (error: unknown) => unknown,
): AsyncGenerator<T> {
  try {
    yield* items;
  } catch (error) {
    throw explain(error);
  }
}

function asUnavailable(error: unknown): unknown {
  if (!isBroken(error)) return error;
  const { message, metadata, cause } =
    error instanceof ConnectError
      ? { message: error.rawMessage, metadata: error.metadata, cause: error.cause }
      : { message: error.message, metadata: undefined, cause: error };
  return new ConnectError(message, Code.Unavailable, metadata, undefined, cause);
}

function isBroken(error: unknown): error is Error {
  // What fetch rejects with: it says no more.
  if (!(error instanceof ConnectError)) return error instanceof TypeError || error instanceof DOMException;
  switch (error.code) {
    case Code.Canceled:
      // How HTTP/2 ends the streams of a connection that is gone.
      return error.rawMessage.startsWith("http/2 stream closed with error code CANCEL");
    case Code.Aborted:
    case Code.Internal:
    case Code.Unknown:
      return hasSystemCode(error.cause);
    default:
      return false;
  }
}

/** Whether an error is one of Node's, behind whatever wraps it; a write after the end is the server's haste. */
function hasSystemCode(reason: unknown): boolean {
  for (let cause = reason; cause instanceof Error; cause = cause.cause) {
    if ("code" in cause && typeof cause.code === "string") return cause.code !== "ERR_STREAM_WRITE_AFTER_END";
  }
  return false;
}
