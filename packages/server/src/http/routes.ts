import type { UniversalServerResponse } from "../connect-internals.ts";
import type { ExchangeRequest } from "./exchange-request.ts";

/** The variable segments of a path, decoded. */
export type PathParameters = Readonly<Record<string, string>>;

/** A plain HTTP endpoint beside the RPC ones. */
export interface HttpRoute {
  /** GET also answers HEAD. */
  readonly method: "GET" | "POST";
  /** Such as `/sessions/{session_id}/events`; a name in braces stands for one whole segment. */
  readonly path: string;
  /** Answers. A rejection becomes an error response. */
  handle(request: ExchangeRequest, parameters: PathParameters): Promise<UniversalServerResponse>;
}

/** What a path leads to. */
export interface RouteMatch {
  /** The route for the method; undefined if only others exist. */
  readonly route: HttpRoute | undefined;
  readonly parameters: PathParameters;
  /** The methods that the path has. */
  readonly allowed: readonly string[];
}

/** Finds the routes of a path; undefined if there is none. Throws a URIError if the path is badly encoded. */
export function matchRoute(
  routes: readonly HttpRoute[],
  method: string,
  path: string,
): RouteMatch | undefined {
  const segments = path.split("/");
  const found = routes.filter((route) => matches(route.path.split("/"), segments));
  if (found.length === 0) {
    return undefined;
  }
  const wanted = method === "HEAD" ? "GET" : method;
  const route = found.find((candidate) => candidate.method === wanted);
  const pattern = (route ?? found[0]!).path.split("/");
  return {
    route,
    parameters: parametersOf(pattern, segments),
    allowed: found.flatMap(({ method: one }) => (one === "GET" ? ["GET", "HEAD"] : [one])),
  };
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((part, index) => (isParameter(part) ? segments[index] !== "" : part === segments[index]))
  );
}

function parametersOf(pattern: readonly string[], segments: readonly string[]): PathParameters {
  const parameters: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    if (isParameter(part)) {
      parameters[part.slice(1, -1)] = decodeURIComponent(segments[index]!);
    }
  }
  return parameters;
}

function isParameter(part: string): boolean {
  return part.startsWith("{");
}
