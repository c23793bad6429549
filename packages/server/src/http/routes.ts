import { Code } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";
import type { UniversalServerResponse } from "../connect-internals.ts";
import type { ExchangeRequest } from "./exchange-request.ts";

/** The variable segments of a path, decoded. */
export type PathParameters = Readonly<Record<string, string>>;

/** A plain HTTP endpoint beside the RPC ones. */
export interface HttpRoute {
  readonly method: "GET" | "POST";
  /** Such as `/sessions/{session_id}/events`; a name in braces stands for one whole segment. */
  readonly path: string;
  /** Whether HEAD is answered like GET. Default true; say false where the response is a stream. */
  readonly head?: boolean;
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

/** Finds the routes of a path; undefined if there is none. Throws INVALID_REQUEST if the path is badly encoded. */
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
  const route = found.find((candidate) => methodsOf(candidate).includes(method));
  const pattern = (route ?? found[0]!).path.split("/");
  return {
    route,
    parameters: parametersOf(pattern, segments),
    allowed: found.flatMap(methodsOf),
  };
}

function methodsOf({ method, head }: HttpRoute): string[] {
  return method === "GET" && head !== false ? ["GET", "HEAD"] : [method];
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
      parameters[part.slice(1, -1)] = decodeSegment(segments[index]!);
    }
  }
  return parameters;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    const message = `The path segment "${segment}" is not percent-encoded UTF-8.`;
    throw reasonError(Code.InvalidArgument, "INVALID_REQUEST", message);
  }
}

function isParameter(part: string): boolean {
  return part.startsWith("{");
}
