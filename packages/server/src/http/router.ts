import { Code } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";
import type { UniversalHandler, UniversalServerResponse } from "../connect-internals.ts";
import { publicError } from "../interceptors/errors.ts";
import type { Limits } from "../limits.ts";
import type { Log } from "../log.ts";
import { corsHeaders, isPreflight, preflightResponse } from "./cors.ts";
import { errorResponse } from "./error-response.ts";
import type { Exchange, HeaderFields } from "./exchange.ts";
import { ExchangeRequest } from "./exchange-request.ts";
import { isAllowedOrigin, type OriginPolicy, originProblem, parseAuthority } from "./origins.ts";
import { type HttpRoute, matchRoute } from "./routes.ts";
import { writeResponse } from "./write-response.ts";

/** What a router leads to. */
export interface RouterOptions {
  /** By path, such as `/agent.v1.AGUIService/RunAgent`. */
  readonly handlers: ReadonlyMap<string, UniversalHandler>;
  readonly routes: readonly HttpRoute[];
  readonly limits: Limits;
  readonly log: Log;
  /** Asked for every request: where a server listens is known only later. */
  readonly originPolicy: () => OriginPolicy;
}

/** The content types that a page of any origin may send without asking first. */
const formContentType = /^\s*(text\/plain|application\/x-www-form-urlencoded|multipart\/form-data)\s*(;|$)/i;
/** What tells whether the process is alive must be answered under load too. */
const probes = new Set(["/healthz", "/readyz", "/grpc.health.v1.Health/Check"]);
const rpcPath = /^\/[A-Za-z_][\w.]*\.[A-Za-z_]\w*\/[A-Za-z_]\w*$/;

/** Leads every request to its handler, refuses what must not get there, and answers all of them. */
export class Router {
  readonly #options: RouterOptions;
  #open = 0;

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /** Answers a request. Never throws. */
  readonly serve = (exchange: Exchange): void => {
    this.#open++;
    this.#respond(exchange)
      .catch((error: unknown) => {
        const shown = publicError(error, this.#options.log);
        return errorResponse(shown, { contentType: exchange.header("content-type") });
      })
      .then((response) => writeResponse(exchange, response, this.#corsFields(exchange), this.#options))
      .then(this.#closed, this.#closed);
  };

  readonly #closed = (): void => {
    this.#open--;
  };

  async #respond(exchange: Exchange): Promise<UniversalServerResponse> {
    const refusal = this.#refusal(exchange);
    if (refusal) {
      return refusal;
    }
    const path = exchange.target.split("?", 1)[0]!;
    const handler = this.#options.handlers.get(path);
    if (handler) {
      return this.#call(exchange, handler);
    }
    const match = matchRoute(this.#options.routes, exchange.method, path);
    if (match?.route) {
      exchange.bodyStallTimeoutMs = this.#options.limits.bodyStallTimeoutMs;
      return match.route.handle(new ExchangeRequest(exchange), match.parameters);
    }
    return match ? methodNotAllowed(exchange, match.allowed) : notFound(exchange, path);
  }

  /** Refuses what must reach no handler. */
  #refusal(exchange: Exchange): UniversalServerResponse | undefined {
    const { limits } = this.#options;
    const authority = parseAuthority(exchange.authority);
    if (authority === undefined) {
      return refuse(
        exchange,
        Code.InvalidArgument,
        "INVALID_REQUEST",
        "The request needs one valid Host header.",
      );
    }
    const policy = this.#options.originPolicy();
    const problem = originProblem(policy, authority, (name) => exchange.header(name));
    if (problem) {
      const { header, value } = problem;
      const message = `This server does not answer requests whose ${header} is ${value}; its operator can allow it.`;
      return refuse(exchange, Code.PermissionDenied, "FOREIGN_ORIGIN", message, { header, value });
    }
    const origin = exchange.header("origin");
    if (origin !== undefined && isPreflight(exchange) && isAllowedOrigin(policy, origin)) {
      return preflightResponse(exchange, origin);
    }
    if (this.#open > limits.maxConcurrentCalls && !probes.has(exchange.target)) {
      const message = `This server takes ${limits.maxConcurrentCalls} calls at the same time. Try again later.`;
      const metadata = { limit: "maxConcurrentCalls", value: limits.maxConcurrentCalls };
      return refuse(exchange, Code.ResourceExhausted, "LIMIT_REACHED", message, metadata);
    }
    const contentType = exchange.header("content-type") ?? "";
    if (exchange.method === "POST" && (contentType === "" || formContentType.test(contentType))) {
      return unsupportedMediaType(exchange);
    }
    return undefined;
  }

  async #call(exchange: Exchange, handler: UniversalHandler): Promise<UniversalServerResponse> {
    const { methodKind } = handler.method;
    if (methodKind === "unary" || methodKind === "server_streaming") {
      exchange.bodyStallTimeoutMs = this.#options.limits.bodyStallTimeoutMs;
    }
    const response = await handler(new ExchangeRequest(exchange));
    if (response.status < 400 || response.body !== undefined) {
      return response;
    }
    switch (response.status) {
      case 405:
        return methodNotAllowed(exchange, handler.allowedMethods);
      case 415:
        return unsupportedMediaType(exchange);
      case 505: {
        const error = reasonError(Code.Unimplemented, "UNSUPPORTED", "Bidirectional streams need HTTP/2.");
        return errorResponse(error, { status: 505 });
      }
      default:
        return response;
    }
  }

  #corsFields(exchange: Exchange): HeaderFields | undefined {
    const origin = exchange.header("origin");
    const allowed = origin !== undefined && isAllowedOrigin(this.#options.originPolicy(), origin);
    return allowed && !isPreflight(exchange) ? corsHeaders(origin) : undefined;
  }
}

function refuse(
  exchange: Exchange,
  code: Code,
  reason: Parameters<typeof reasonError>[1],
  message: string,
  metadata: Record<string, string | number> = {},
): UniversalServerResponse {
  const error = reasonError(code, reason, message, { metadata });
  return errorResponse(error, { contentType: exchange.header("content-type") });
}

function notFound(exchange: Exchange, path: string): UniversalServerResponse {
  const contentType = exchange.header("content-type");
  // RPC clients expect UNIMPLEMENTED of a method that is not there.
  const code = rpcPath.test(path) ? Code.Unimplemented : Code.NotFound;
  const error = reasonError(code, "PATH_NOT_FOUND", `Nothing is served at ${path}.`, { metadata: { path } });
  return errorResponse(error, { contentType, status: 404 });
}

function methodNotAllowed(exchange: Exchange, allowed: readonly string[]): UniversalServerResponse {
  const allow = allowed.join(", ");
  const error = reasonError(
    Code.Unimplemented,
    "UNSUPPORTED",
    `${exchange.method} is not served here; ${allow} is.`,
  );
  return errorResponse(error, { status: 405, headers: { allow } });
}

function unsupportedMediaType(exchange: Exchange): UniversalServerResponse {
  const given = exchange.header("content-type");
  const message =
    `The content type ${given ? `"${given}" is not served here` : "is missing"}. Send application/json for JSON, ` +
    "or one of the types of gRPC, gRPC-Web (binary) and Connect.";
  const metadata = { content_type: given ?? "" };
  const error = reasonError(Code.InvalidArgument, "UNSUPPORTED", message, { metadata });
  return errorResponse(error, { contentType: given, status: 415 });
}
