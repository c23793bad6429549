import { cors } from "@connectrpc/connect";
import type { UniversalServerResponse } from "../connect-internals.ts";
import type { Exchange } from "./exchange.ts";

/** How long a browser may remember the answer to a preflight. Chromium remembers two hours at most. */
const maxAgeSeconds = 7_200;
const ownHeaders = ["Accept", "Authorization", "Last-Event-ID"];

/** Whether a request only asks if another may be sent. */
export function isPreflight(exchange: Exchange): boolean {
  return exchange.method === "OPTIONS" && exchange.header("access-control-request-method") !== undefined;
}

/** Answers a preflight of an allowed origin: all wires, and whatever headers the page asks for. */
export function preflightResponse(exchange: Exchange, origin: string): UniversalServerResponse {
  const asked = exchange.header("access-control-request-headers");
  const header = new Headers({
    "access-control-allow-origin": origin,
    "access-control-allow-methods": cors.allowedMethods.join(", "),
    "access-control-allow-headers": asked ?? [...cors.allowedHeaders, ...ownHeaders].join(", "),
    "access-control-max-age": String(maxAgeSeconds),
    vary: "origin, access-control-request-headers",
  });
  if (exchange.header("access-control-request-private-network") === "true") {
    header.set("access-control-allow-private-network", "true");
  }
  return { status: 204, header };
}

/** The headers that let a page of an allowed origin read a response. */
export function corsHeaders(origin: string): Record<string, string> {
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": cors.exposedHeaders.join(", "),
    vary: "origin",
  };
}
