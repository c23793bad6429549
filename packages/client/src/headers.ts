import type { Interceptor } from "@connectrpc/connect";

/**
 * Headers for requests, such as credentials. A function is called for every request, attempts to resume
 * included, so that it can hand out a token that is still good.
 */
export type HeaderSource = HeadersInit | (() => HeadersInit | Promise<HeadersInit>);

/** Makes the headers of one request from several sources; what comes later replaces what came before. */
export function resolveHeaders(...sources: (HeaderSource | undefined)[]): Headers | Promise<Headers> {
  const made = sources.map((source) => (typeof source === "function" ? source() : source));
  return made.some((one) => one instanceof Promise)
    ? Promise.all(made).then(merge)
    : merge(made as HeadersInit[]);
}

function merge(all: readonly (HeadersInit | undefined)[]): Headers {
  const result = new Headers();
  for (const one of all) {
    if (one !== undefined) new Headers(one).forEach((value, name) => void result.set(name, value));
  }
  return result;
}

/** Gives the requests of a stock transport the same headers. */
export function headerInterceptor(source: HeaderSource): Interceptor {
  return (next) => async (request) => {
    (await resolveHeaders(source)).forEach((value, name) => void request.header.set(name, value));
    return next(request);
  };
}
