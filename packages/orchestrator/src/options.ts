import type { HandlerContext } from "@connectrpc/connect";
import { createEgressPolicy, type EgressPolicy } from "@dragoman/egress";
import type { DisconnectPolicy, Engine } from "@dragoman/engine";
import type { AgentDirectory } from "./agent-directory.ts";
import type { Batches } from "./batch/batches.ts";
import type { AgentRegistry } from "./registry/agent-registry.ts";

/** What the services of an orchestrator are made of. */
export interface OrchestratorOptions {
  readonly engine: Engine;
  readonly agents: AgentDirectory;
  /** What AgentRegistryService is served from, which is `agents` then. Default: it is not served. */
  readonly registry?: AgentRegistry | undefined;
  /** The version that GetServiceInfo and HealthCheck tell. */
  readonly version: string;
  /** What an acknowledged event survives, as the store declares it. */
  readonly durability: "memory" | "process" | "fsync";
  /** Names of the wires that serve runs. */
  readonly wires: readonly string[];
  /** What a run does when its client is gone and the request does not say. Default: it continues. */
  readonly onDisconnect?: DisconnectPolicy;
  /** How long a stream may be silent before it sends a heartbeat, in milliseconds. Default 15,000. */
  readonly heartbeatMs?: number;
  /** What registered agents and tools may be at. Default: public addresses only. */
  readonly egress?: EgressPolicy;
  /** The batches of the server. Without them it has no BatchService. */
  readonly batches?: Batches;
  /** Whether runs are taken, as HealthCheck tells. Default: always. */
  readonly isServing?: () => boolean;
  /** The namespace of a caller. Default: `default` for everybody. */
  readonly namespaceOf?: (context: HandlerContext) => string;
}

/** Options with their defaults. */
export type CompleteOptions = Required<Omit<OrchestratorOptions, "batches">>;

/** Completes options. */
export function completeOptions(options: OrchestratorOptions): CompleteOptions {
  return {
    onDisconnect: { action: "continue", graceMs: 10_000 },
    heartbeatMs: 15_000,
    egress: createEgressPolicy({ allowLoopback: false }),
    isServing: () => true,
    namespaceOf: () => "default",
    registry: undefined,
    ...options,
  };
}
