import { createHttpToolExecutor, parseHttpToolSettings } from "@dragoman/adapter-http-tools";
import { createEgressFetch, EgressError, type EgressPolicy } from "@dragoman/egress";
import { EngineError, type ToolExecutor, type ToolSettings } from "@dragoman/engine";

/** What executes registered tools, by their kind. */
export interface ToolExecutors {
  readonly executors: Readonly<Record<string, ToolExecutor>>;
  /** Ends all connections. */
  close(): void;
}

/** The longest time that the contract lets a tool take, and what the engine adds to it. */
const maxTimeoutMs = 3_600_000 + 1_000;

/** Makes the executors of a server: HTTP endpoints that its operator lets it reach. */
export function createToolExecutors(egress: EgressPolicy): ToolExecutors {
  const { request, close } = createEgressFetch(egress);
  const http = createHttpToolExecutor({ request, maxTimeoutMs });
  const executors = {
    http: { check: (settings: ToolSettings) => checkHttp(settings, egress), execute: http.execute },
  };
  return { executors, close };
}

/** What may never be reached is refused when the tool is registered; what a name means is checked at every call. */
function checkHttp(settings: ToolSettings, egress: EgressPolicy): void {
  const { url } = parseHttpToolSettings(settings);
  try {
    egress.checkUrl(url);
  } catch (error) {
    if (!(error instanceof EgressError) || error.code !== "ADDRESS_REFUSED") throw error;
    throw new EngineError("ENDPOINT_NOT_ALLOWED", error.message, { host: error.host ?? "" });
  }
}
