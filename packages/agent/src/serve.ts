import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import { LiveService } from "@dragoman/contract/agent/v1/live_service_pb";
import {
  consoleLog,
  createServer,
  type DrainOptions,
  implement,
  type Server,
  type ServerOptions,
} from "@dragoman/server";
import type { Agent } from "./agent.ts";
import { createHostService, type HostServiceOptions, type RunWarning } from "./host/agui-service.ts";
import { createLiveService } from "./host/live-service.ts";
import { type Agents, NamedAgents } from "./host/named-agents.ts";
import { RunSlots } from "./host/run-slots.ts";

export type { Agent, AgentOutput, EncodedEvent, RunContext } from "./agent.ts";
export type { RunWarning } from "./host/agui-service.ts";
export type { Agents } from "./host/named-agents.ts";

/** How agents are served. Everything has a default. */
export interface ServeOptions
  extends Pick<
    ServerOptions,
    "allowedHosts" | "allowedOrigins" | "interceptors" | "limits" | "log" | "protocols" | "tls"
  > {
  /** The TCP port; 0 takes a free one. Default 0. */
  readonly port?: number;
  /** The interface. Default 127.0.0.1: nobody from outside. */
  readonly host?: string;
  /** What the service calls itself. Default "agent-host". */
  readonly name?: string;
  /** Its version, as semantic versioning writes it. Default "0.0.0". */
  readonly version?: string;
  /** A stream without an event for so long gets a heartbeat, in milliseconds. Above 0; default 15,000. */
  readonly heartbeatMs?: number;
  /** How much of a run may wait to be read before its agent is held back, in bytes. Above 0; default 64 KiB. */
  readonly maxPendingBytes?: number;
  /** How many runs there may be at a time; more are refused with LIMIT_REACHED. Above 0; default 10,000. */
  readonly maxActiveRuns?: number;
  /** Told what was repaired or left out of a run. Default: it goes to the log. */
  readonly onWarning?: (warning: RunWarning) => void;
  /** Whether SIGTERM and SIGINT drain the host. Default false: the program decides. */
  readonly drainOnSignals?: boolean;
}

/** Agents that are being served. */
export interface AgentHost extends AsyncDisposable {
  /** Such as "http://127.0.0.1:7000". */
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  /** Stops in order: runs may finish for a while, then their calls end with UNAVAILABLE, SHUTTING_DOWN. */
  drain(options?: DrainOptions): Promise<void>;
  /** Stops at once. */
  close(): Promise<void>;
}

/**
 * Serves an agent, or several by id, as AGUIService and LiveService over gRPC, gRPC-Web and Connect on one port, with health,
 * reflection and probes.
 *
 * A bare host: it keeps no log, numbers the events of each run from 1, and says that its streams cannot be
 * resumed. A run lives as long as the call that started it: when that ends, `context.signal` aborts. Sessions,
 * resuming and everything durable come from the server in front of it.
 *
 * @throws if the port is taken.
 */
export async function serve(agents: Agent | Agents, options: ServeOptions = {}): Promise<AgentHost> {
  const { port = 0, host = "127.0.0.1", drainOnSignals = false } = options;
  const log = options.log ?? consoleLog;
  const hosted: HostServiceOptions = {
    agents: new NamedAgents(agents),
    name: options.name ?? "agent-host",
    version: options.version ?? "0.0.0",
    heartbeatMs: positive("heartbeatMs", options.heartbeatMs ?? 15_000),
    maxPendingBytes: positive("maxPendingBytes", options.maxPendingBytes ?? 64 << 10),
    slots: new RunSlots(positive("maxActiveRuns", options.maxActiveRuns ?? 10_000)),
    onWarning: options.onWarning ?? (({ message, ...warning }) => log.warn(message, { ...warning })),
    isServing: () => server.health.serving,
  };
  const services = [
    implement(AGUIService, createHostService(hosted)),
    implement(LiveService, createLiveService(hosted)),
  ];
  const server = createServer({ ...options, services });
  const address = await server.listen({ host, port });
  const signals = drainOnSignals ? watchSignals(() => void server.drain()) : undefined;
  const stop = async (stopping: Promise<unknown>) => {
    await stopping;
    signals?.stop();
  };
  return {
    url: address.url,
    port: address.port,
    server,
    drain: (drainOptions) => stop(server.drain(drainOptions)),
    close: () => stop(server.close()),
    [Symbol.asyncDispose]: () => stop(server.close()),
  };
}

function watchSignals(drain: () => void): { stop(): void } {
  const names = ["SIGTERM", "SIGINT"] as const;
  for (const name of names) process.once(name, drain);
  return {
    stop() {
      for (const name of names) process.off(name, drain);
    },
  };
}

function positive(name: string, value: number): number {
  if (!(value > 0)) throw new RangeError(`${name} must be above 0, not ${value}`);
  return value;
}
