import { validateHeaderName, validateHeaderValue } from "node:http";
import { EgressError } from "./errors.ts";
import { shown } from "./host.ts";

/** What the connection and the encoding of bodies are made of, which is not for those who register targets. */
const ownHeaders = new Set([
  "accept-encoding",
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** What is sent on when a redirect leads to another origin. Anything else may be a credential. */
const harmlessHeaders = new Set([
  "accept",
  "accept-language",
  "content-language",
  "content-type",
  "idempotency-key",
  "traceparent",
  "tracestate",
  "user-agent",
]);

/**
 * Returns the headers with names in lower case. Throws `EgressError` for those that may not be sent; values are not
 * in its message.
 */
export function checkHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const checked: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (!isValid(name, value))
      throw refused(`The header ${shown(name)} has a name or value that HTTP cannot carry.`);
    if (ownHeaders.has(lower) || lower.startsWith("proxy-")) {
      throw refused(`The header ${shown(name)} is set by the server; leave it out.`);
    }
    if (lower in checked) throw refused(`The header ${shown(name)} is given twice.`);
    checked[lower] = value;
  }
  return checked;
}

/** Returns the headers that may be sent to another origin than the one they were meant for. */
export function harmlessOf(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => harmlessHeaders.has(name)));
}

/** Returns the headers without those that describe a body. */
export function withoutContent(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith("content-")));
}

/** Returns the method in upper case. Throws `EgressError` where it is none for a request of this kind. */
export function checkMethod(method: string): string {
  const upper = method.toUpperCase();
  if (/^[A-Z]{1,20}$/.test(upper) && upper !== "CONNECT" && upper !== "TRACE") return upper;
  throw refused(`The method ${shown(method)} cannot be sent.`);
}

function isValid(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return typeof value === "string";
  } catch {
    return false;
  }
}

function refused(message: string): EgressError {
  return new EgressError("INVALID_REQUEST", message);
}
