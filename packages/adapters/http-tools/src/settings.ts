import { checkHeaders } from "@dragoman/egress";

/** What a tool is registered with to be an HTTP endpoint. */
export interface HttpToolSettings {
  readonly kind: "http";
  /** Where calls go, http or https. */
  readonly url: string;
  /** GET and DELETE carry the arguments as query parameters, the others as a JSON body. Default POST. */
  readonly method?: HttpToolMethod;
  /** Sent with every call, for instance `authorization`. Default none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The longest time for a call, in milliseconds. Default, and at most, what the executor says. */
  readonly timeoutMs?: number;
}

/** How an endpoint can be called. */
export type HttpToolMethod = "DELETE" | "GET" | "PATCH" | "POST" | "PUT";

const methods: readonly string[] = ["DELETE", "GET", "PATCH", "POST", "PUT"] satisfies HttpToolMethod[];

/**
 * Reads the settings of a tool. Throws `TypeError` with everything that its author has to change first; values of
 * headers are not in its message. Whether the URL may be reached is the policy's to say.
 */
export function parseHttpToolSettings(value: unknown): HttpToolSettings {
  if (!isRecord(value)) throw new TypeError("the settings of an HTTP tool must be an object");
  const { kind, url, method = "POST", headers = {}, timeoutMs } = value;
  if (kind !== "http") throw new TypeError(`kind must be "http", it is ${shown(kind)}`);
  requireUrl(url);
  if (!isMethod(method))
    throw new TypeError(`method must be one of ${methods.join(", ")}, it is ${shown(method)}`);
  const checked = requireHeaders(headers);
  if (timeoutMs === undefined) return { kind, url, method, headers: checked };
  if (typeof timeoutMs !== "number" || !Number.isInteger(timeoutMs) || timeoutMs < 1) {
    throw new TypeError(`timeoutMs must be a whole number of at least 1, it is ${shown(timeoutMs)}`);
  }
  return { kind, url, method, headers: checked, timeoutMs };
}

/** Whether calls of a method have a body. */
export function hasBody(method: HttpToolMethod): boolean {
  return method !== "GET" && method !== "DELETE";
}

function requireUrl(value: unknown): asserts value is string {
  const url = typeof value === "string" ? URL.parse(value) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new TypeError("url must be an http or https URL, whole and with its scheme");
  }
  if (url.username !== "" || url.password !== "") {
    throw new TypeError("url must not hold a user name or password: send them in the authorization header");
  }
}

function requireHeaders(value: unknown): Record<string, string> {
  if (!isRecord(value)) throw new TypeError("headers must be an object of names and values");
  const headers: Record<string, string> = {};
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== "string") throw new TypeError(`the value of the header ${shown(name)} must be text`);
    headers[name] = text;
  }
  for (const name of Object.keys(headers)) {
    const lower = name.toLowerCase();
    if (lower !== "idempotency-key" && !lower.startsWith("x-dragoman-")) continue;
    throw new TypeError(`the header ${shown(name)} is set by the server; leave it out`);
  }
  try {
    return checkHeaders(headers);
  } catch (cause) {
    const what = cause instanceof Error ? cause.message.replace(/\.$/, "") : "the headers cannot be sent";
    throw new TypeError(what, { cause });
  }
}

function isMethod(value: unknown): value is HttpToolMethod {
  return typeof value === "string" && methods.includes(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
