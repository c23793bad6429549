import { type Engine, openEngine } from "@dragoman/engine";
import { openMemoryStore, type Store } from "@dragoman/event-log";
import { createAgentDirectory, createServices, type NamedAgent } from "@dragoman/orchestrator";
import { createAguiHttpProtocol } from "@dragoman/protocol-sse";
import { createServer, type Server, type ServerAddress } from "@dragoman/server";
import { openSqliteStore } from "@dragoman/store-sqlite";
import { version } from "../version.ts";
import { createAgents } from "./agents.ts";
import type { ServeConfig } from "./config.ts";

/** A running server. */
export interface Program {
  readonly address: ServerAddress;
  /** The agents, the default one first. */
  readonly agents: readonly NamedAgent[];
  /** Names of the wires that serve runs. */
  readonly wires: readonly string[];
  /** Stops in order: no more runs, active ones end, connections end, the store closes. */
  close(): Promise<void>;
}

/** How long connections may take to end after their runs have. */
const connectionGraceMs = 2_000;

/**
 * Starts everything that `dragoman serve` serves. Runs that a crash left open are ended before it listens.
 *
 * Rejects with what the store or the port says, such as StoreInUseError or EADDRINUSE; then nothing is left open.
 */
export async function startProgram(
  config: ServeConfig,
  environment: Readonly<Record<string, string | undefined>>,
  onError: (error: unknown) => void,
): Promise<Program> {
  const agents = createAgents(config, environment);
  const store = await openStore(config);
  try {
    const directory = createAgentDirectory(agents);
    const engine = await openEngine({ store, agents: directory, onError });
    const wires = config.rpcEnabled
      ? ["grpc", "grpc-web", "connect", "sse", "ag-ui-binary"]
      : ["sse", "ag-ui-binary"];
    const services = createServices({
      engine,
      agents: directory,
      version,
      durability: store.durability,
      wires,
      onDisconnect: config.onDisconnect,
      heartbeatMs: config.heartbeatMs,
    });
    const server = createServer({
      services,
      protocols: [createAguiHttpProtocol()],
      limits: { readMaxBytes: config.readMaxBytes },
      plainHttpOnly: !config.rpcEnabled,
      allowedOrigins: config.allowedOrigins,
      allowedHosts: config.allowedHosts,
      ...(config.tls && { tls: tlsOptions(config.tls) }),
    });
    const address = await server.listen({ host: config.host, port: config.port });
    let closing: Promise<void> | undefined;
    const close = () => {
      closing ??= stop(server, engine, store, config.drainMs);
      return closing;
    };
    return { address, agents, wires, close };
  } catch (error) {
    await store.close();
    throw error;
  }
}

function openStore(config: ServeConfig): Promise<Store> {
  if (config.dataFolder === undefined) return openMemoryStore();
  return openSqliteStore({ folder: config.dataFolder, durability: config.durability });
}

function tlsOptions({ cert, key, ca }: NonNullable<ServeConfig["tls"]>) {
  return { cert, key, ...(ca && { ca, requestCert: true, rejectUnauthorized: true }) };
}

async function stop(server: Server, engine: Engine, store: Store, drainMs: number): Promise<void> {
  server.health.shutdown();
  await engine.close(drainMs);
  await server.drain({ graceMs: connectionGraceMs });
  await store.close();
}
