import type { ByteClient, ByteRequest, ByteSink } from "./byte-stream.ts";

/**
 * Sends requests by `fetch`: for browsers and every other runtime that has it. Has no trailers, so it
 * carries gRPC-Web and Connect but not gRPC.
 *
 * @param fetchFunction What to call instead of the global `fetch`.
 * @param credentials Whether cookies and the like are sent to other origins; a browser's default if absent.
 */
export function createFetchClient(
  fetchFunction: typeof fetch = globalThis.fetch.bind(globalThis),
  credentials?: RequestCredentials,
): ByteClient {
  return (request, sink) => {
    const abort = new AbortController();
    let resume: (() => void) | undefined;
    let paused: Promise<void> | undefined;
    const init = {
      method: "POST",
      headers: request.header,
      body: request.body,
      signal: abort.signal,
      redirect: "error",
      ...(credentials === undefined ? {} : { credentials }),
    } satisfies RequestInit;
    void pump(fetchFunction, request, init, sink, () => paused);
    return {
      pause() {
        paused ??= new Promise((resolve) => {
          resume = resolve;
        });
      },
      resume() {
        resume?.();
        resume = paused = undefined;
      },
      close() {
        abort.abort();
        resume?.();
      },
    };
  };
}

async function pump(
  fetchFunction: typeof fetch,
  request: ByteRequest,
  init: RequestInit & { signal: AbortSignal },
  sink: ByteSink,
  paused: () => Promise<void> | undefined,
): Promise<void> {
  try {
    const response = await fetchFunction(request.url, init);
    if (init.signal.aborted) return;
    sink.onHeader(response.status, response.headers);
    const reader = response.body?.getReader();
    while (reader !== undefined && !init.signal.aborted) {
      const { done, value } = await reader.read();
      if (done || init.signal.aborted) break;
      sink.onData(value);
      await paused();
    }
    if (!init.signal.aborted) sink.onEnd(new Headers());
  } catch (error) {
    if (!init.signal.aborted) sink.onError(error);
  }
}
