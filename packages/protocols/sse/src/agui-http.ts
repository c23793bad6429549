import type { HttpRoute, Protocol } from "@dragoman/server";
import { observeRunRoute, observeSessionRoute } from "./observe-routes.ts";
import { runRoute } from "./run-route.ts";

/** How AG-UI is served over HTTP. */
export interface AguiHttpOptions {
  /**
   * How long response headers wait for the first event, so that an error before it can be an HTTP status.
   * Time in which the process could do nothing else does not count. 0 to 60,000 milliseconds; default 1,000.
   */
  readonly headerDelayMs?: number;
}

/**
 * Serves AG-UI over HTTP: runs at `POST /` and `POST /agents/{agent_id}`, and what they left in the log at
 * `GET /sessions/{session_id}/events` and `GET /sessions/{session_id}/runs/{run_id}/events`.
 *
 * Each is a call of the contract's services, through the same interceptors and limits as over RPC.
 */
export function createAguiHttpProtocol({ headerDelayMs = 1_000 }: AguiHttpOptions = {}): Protocol {
  if (!(headerDelayMs >= 0 && headerDelayMs <= 60_000)) {
    throw new RangeError(`headerDelayMs must be from 0 to 60000, not ${headerDelayMs}`);
  }
  return (host): HttpRoute[] => [
    runRoute("/", host, headerDelayMs),
    runRoute("/agents/{agent_id}", host, headerDelayMs),
    observeSessionRoute(host, headerDelayMs),
    observeRunRoute(host, headerDelayMs),
  ];
}
