import { EgressError } from "./errors.ts";
import { harmlessOf, withoutContent } from "./headers.ts";

/** One request on the way to the answer. */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  /** With names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | undefined;
}

const redirectStatuses = new Set([301, 302, 303, 307, 308]);

/** Where an answer leads on to, if it does. */
export function locationOf(status: number, location: string | undefined): string | undefined {
  return redirectStatuses.has(status) ? location : undefined;
}

/**
 * The request that follows a redirect, as browsers make it: 303, and 301 and 302 after a POST, turn it into a GET
 * without a body. Another origin gets no header that may be a credential. The URL is not checked yet.
 */
export function nextHop(hop: Hop, status: number, location: string): Hop {
  const url = URL.parse(location, hop.url);
  if (url === null) {
    throw new EgressError("INVALID_RESPONSE", `${hop.url.host} redirects to something that is no URL.`, {
      host: hop.url.hostname,
    });
  }
  const isKept = url.origin === hop.url.origin;
  const headers = isKept ? hop.headers : harmlessOf(hop.headers);
  const turnsIntoGet =
    status === 303 ? hop.method !== "HEAD" : (status === 301 || status === 302) && hop.method === "POST";
  if (!turnsIntoGet) return { ...hop, url, headers };
  return { url, method: "GET", headers: withoutContent(headers), body: undefined };
}
