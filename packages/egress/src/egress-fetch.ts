import * as http from "node:http";
import * as https from "node:https";
import { EgressError } from "./errors.ts";
import { type Agents, exchange } from "./exchange.ts";
import { checkHeaders, checkMethod } from "./headers.ts";
import type { EgressPolicy } from "./policy.ts";
import { type Hop, nextHop } from "./redirect.ts";

/** The limits of an `EgressFetch`; a request may set those of its own for itself. */
export interface EgressFetchOptions {
  /** The longest time for a request with all its redirects, in milliseconds. Default 30000. */
  readonly timeoutMs?: number | undefined;
  /** The largest body of an answer, as it comes and decoded, in bytes. Default 4194304 (4 MiB). */
  readonly maxResponseBytes?: number | undefined;
  /** How many redirects are followed. Default 3. */
  readonly maxRedirects?: number | undefined;
  /** How many connections there are at once, for http and for https each. Others wait. Default 256. */
  readonly maxConnections?: number | undefined;
  /** How many connections there are at once to one host and port. Others wait. Default 64. */
  readonly maxConnectionsPerHost?: number | undefined;
  /** The authorities to trust instead of Node's, in PEM. */
  readonly ca?: string | undefined;
}

/** What is to be sent. */
export interface EgressRequest {
  readonly url: string | URL;
  /** Default `GET`. */
  readonly method?: string | undefined;
  /** Those of the connection and of encodings are the client's own. Default none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | Uint8Array | undefined;
  /** Ends the request. It rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxResponseBytes?: number | undefined;
  readonly maxRedirects?: number | undefined;
}

/** A complete answer. */
export interface EgressResponse {
  readonly status: number;
  /** With names in lower case; those that came more than once are joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** Decoded from its content encoding. */
  readonly body: Uint8Array;
  /** What answered, after redirects. */
  readonly url: string;
}

/** An HTTP client that reaches only what a policy allows. It uses no proxy, no cookies and no cache. */
export interface EgressFetch extends Disposable {
  /**
   * Sends a request, follows redirects and reads the answer, whatever its status. Nothing is sent twice. Throws
   * `EgressError`, or the reason of the request's own signal.
   */
  request(request: EgressRequest): Promise<EgressResponse>;
  /** Ends all requests and connections. */
  close(): void;
}

/** Makes an HTTP client that reaches only what the policy allows, redirects included. */
export function createEgressFetch(policy: EgressPolicy, options: EgressFetchOptions = {}): EgressFetch {
  const fetch = new PolicedFetch(policy, options);
  const close = () => fetch.close();
  // Functions of their own, so that `request` alone can be handed on.
  return { request: (request) => fetch.request(request), close, [Symbol.dispose]: close };
}

interface Limits {
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  readonly maxRedirects: number;
}

const defaultLimits: Limits = { timeoutMs: 30_000, maxResponseBytes: 4 * 1024 * 1024, maxRedirects: 3 };
/** Shorter than what servers grant an idle connection, so that none is used just as it is closed. */
const idleTimeoutMs = 4_000;
/** The longest time that a timer takes. */
const longestTimeoutMs = 2 ** 31 - 1;

class PolicedFetch {
  readonly #policy: EgressPolicy;
  readonly #limits: Limits;
  readonly #agents: Agents;
  readonly #active = new Set<AbortController>();
  #isClosed = false;

  constructor(policy: EgressPolicy, options: EgressFetchOptions) {
    this.#policy = policy;
    this.#limits = limitsOf(options, defaultLimits);
    const { maxConnections = 256, maxConnectionsPerHost = 64, ca } = options;
    const shared: http.AgentOptions = {
      keepAlive: true,
      timeout: idleTimeoutMs,
      maxTotalSockets: between("maxConnections", maxConnections, 1, 65_535),
      maxSockets: between("maxConnectionsPerHost", maxConnectionsPerHost, 1, 65_535),
    };
    this.#agents = {
      http: new http.Agent(shared),
      https: new https.Agent({ ...shared, ...(ca === undefined ? {} : { ca }) }),
    };
  }

  async request(request: EgressRequest): Promise<EgressResponse> {
    const limits = limitsOf(request, this.#limits);
    const { signal } = request;
    signal?.throwIfAborted();
    if (this.#isClosed) throw closed();
    const controller = new AbortController();
    const abort = () => controller.abort(signal?.reason);
    const timer = setTimeout(
      () => controller.abort(timedOut(request.url, limits.timeoutMs)),
      limits.timeoutMs,
    );
    signal?.addEventListener("abort", abort, { once: true });
    this.#active.add(controller);
    try {
      return await this.#follow(firstHop(request, this.#policy), limits, controller.signal);
    } finally {
      this.#active.delete(controller);
      signal?.removeEventListener("abort", abort);
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const controller of this.#active) controller.abort(closed());
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  async #follow(first: Hop, limits: Limits, signal: AbortSignal): Promise<EgressResponse> {
    let hop = first;
    for (let redirects = 0; ; redirects++) {
      const answer = await exchange(hop, this.#policy, this.#agents, limits.maxResponseBytes, signal);
      const { status, headers, body, location } = answer;
      if (location === undefined) return { status, headers, body, url: hop.url.href };
      if (redirects >= limits.maxRedirects) throw tooManyRedirects(first.url, limits.maxRedirects);
      const next = nextHop(hop, status, location);
      hop = { ...next, url: this.#policy.checkUrl(next.url) };
    }
  }
}

function firstHop({ url, method = "GET", headers = {}, body }: EgressRequest, policy: EgressPolicy): Hop {
  return { url: policy.checkUrl(url), method: checkMethod(method), headers: checkHeaders(headers), body };
}

function limitsOf(given: Partial<Record<keyof Limits, number | undefined>>, defaults: Limits): Limits {
  const { timeoutMs, maxResponseBytes, maxRedirects } = given;
  return {
    timeoutMs: between("timeoutMs", timeoutMs ?? defaults.timeoutMs, 1, longestTimeoutMs),
    maxResponseBytes: between("maxResponseBytes", maxResponseBytes ?? defaults.maxResponseBytes, 1, 2 ** 30),
    maxRedirects: between("maxRedirects", maxRedirects ?? defaults.maxRedirects, 0, 20),
  };
}

function between(name: string, value: number, lowest: number, highest: number): number {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return value;
  throw new TypeError(`${name} must be a whole number from ${lowest} to ${highest}, it is ${value}`);
}

function timedOut(url: string | URL, timeoutMs: number): EgressError {
  const host = URL.parse(url)?.host ?? "";
  return new EgressError("TIMEOUT", `${host} did not answer completely within ${timeoutMs} ms.`, { host });
}

function tooManyRedirects({ host }: URL, maxRedirects: number): EgressError {
  return new EgressError("TOO_MANY_REDIRECTS", `${host} redirects more than ${maxRedirects} times.`, {
    host,
  });
}

function closed(): EgressError {
  return new EgressError("UNREACHABLE", "The server is stopping and sends no more requests.");
}
