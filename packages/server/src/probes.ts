import { createAsyncIterable, type UniversalServerResponse } from "./connect-internals.ts";
import type { Health } from "./health.ts";
import type { HttpRoute } from "./http/routes.ts";

/** `/healthz` tells whether the process works, `/readyz` whether it takes calls (503 while it does not). */
export function probeRoutes(health: Health): HttpRoute[] {
  return [
    { method: "GET", path: "/healthz", handle: async () => jsonResponse(200, { status: "ok" }) },
    {
      method: "GET",
      path: "/readyz",
      handle: async () =>
        health.serving
          ? jsonResponse(200, { status: "serving" })
          : jsonResponse(503, { status: "not serving" }),
    },
  ];
}

/** Makes a JSON response that nobody caches. */
export function jsonResponse(status: number, value: unknown): UniversalServerResponse {
  const header = new Headers({ "content-type": "application/json", "cache-control": "no-store" });
  return {
    status,
    header,
    body: createAsyncIterable([new TextEncoder().encode(`${JSON.stringify(value)}\n`)]),
  };
}
