import { type Engine, openEngine } from "@dragoman/engine";
import {
  openMemoryStore,
  type Store,
  StoreCorruptError,
  StoreFormatError,
  StoreFullError,
  StoreInUseError,
} from "@dragoman/event-log";
import {
  type AgentRegistry,
  Batches,
  createServices,
  type NamedAgent,
  openAgentRegistry,
} from "@dragoman/orchestrator";
import { createAguiHttpProtocol } from "@dragoman/protocol-sse";
import { createServer, type Server, type ServerAddress } from "@dragoman/server";
import { openSqliteStore } from "@dragoman/store-sqlite";
import { UsageError } from "../usage-error.ts";
import { version } from "../version.ts";
import { createAgents } from "./agents.ts";
import type { ServeConfig } from "./config.ts";
import { createEgress } from "./egress.ts";
import { isOwnAddress, type OwnAddress } from "./own-address.ts";
import { createToolExecutors, type ToolExecutors } from "./tool-executors.ts";

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
/** How long batches may take to keep how their runs ended. */
const batchGraceMs = 2_000;

/**
 * Starts everything that `dragoman serve` serves. Runs that a crash left open are ended before it listens.
 *
 * Rejects with a UsageError where the configuration or the data folder cannot be used, and with what the port
 * says, such as EADDRINUSE; then nothing is left open.
 */
export async function startProgram(
  config: ServeConfig,
  environment: Readonly<Record<string, string | undefined>>,
  onError: (error: unknown) => void,
): Promise<Program> {
  const agents = createAgents(config, environment);
  const egress = createEgress(config);
  const tools = createToolExecutors(egress);
  const store = await openStore(config);
  let registry: AgentRegistry | undefined;
  try {
    let own: OwnAddress | undefined;
    const isOwn = (host: string, port: number) => own !== undefined && isOwnAddress(own, host, port);
    const { catalog } = store;
    const directory = await openAgentRegistry({ catalog, agents, egress, isOwn, onError });
    registry = directory;
    const { executors: toolExecutors } = tools;
    const engine = await openEngine({
      store,
      agents: directory,
      toolExecutors,
      onError,
      sessionDefaults: config.sessions,
      limits: { ...(config.sessionsMax !== undefined && { sessionsMax: config.sessionsMax }) },
    });
    const { retentionMs } = config.sessions;
    const batches = new Batches({ engine, agents: directory, catalog, retentionMs, onError });
    void batches.recover(); // reports its errors itself, and keeps nothing else waiting
    const wires = config.rpcEnabled
      ? ["grpc", "grpc-web", "connect", "sse", "ag-ui-binary"]
      : ["sse", "ag-ui-binary"];
    const services = createServices({
      engine,
      agents: directory,
      registry,
      version,
      durability: store.durability,
      wires,
      onDisconnect: config.onDisconnect,
      heartbeatMs: config.heartbeatMs,
      egress,
      batches,
      isServing: () => server.health.serving,
    });
    const server: Server = createServer({
      services,
      protocols: [createAguiHttpProtocol()],
      limits: { readMaxBytes: config.readMaxBytes },
      plainHttpOnly: !config.rpcEnabled,
      allowedOrigins: config.allowedOrigins,
      allowedHosts: config.allowedHosts,
      ...(config.tls && { tls: tlsOptions(config.tls) }),
    });
    const address = await server.listen({ host: config.host, port: config.port });
    own = { host: config.host, port: address.port, names: config.allowedHosts };
    let closing: Promise<void> | undefined;
    const close = () => {
      closing ??= stop({
        server,
        engine,
        batches,
        registry: directory,
        tools,
        store,
        drainMs: config.drainMs,
      });
      return closing;
    };
    return { address, agents: directory.list(), wires, close };
  } catch (error) {
    registry?.close();
    tools.close();
    await store.close();
    throw error;
  }
}

async function openStore({ dataFolder: folder, durability }: ServeConfig): Promise<Store> {
  if (folder === undefined) return openMemoryStore();
  try {
    return await openSqliteStore({ folder, durability });
  } catch (error) {
    throw new UsageError(whyUnusable(folder, error));
  }
}

/** What keeps a data folder from being opened; the store says itself what is wrong with what it found in it. */
function whyUnusable(folder: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const isOfStore = [StoreInUseError, StoreFormatError, StoreCorruptError, StoreFullError].some(
    (type) => error instanceof type,
  );
  return isOfStore
    ? message
    : `The data folder ${folder} cannot be opened: ${message}. Choose another with --data.`;
}

function tlsOptions({ cert, key, ca }: NonNullable<ServeConfig["tls"]>) {
  return { cert, key, ...(ca && { ca, requestCert: true, rejectUnauthorized: true }) };
}

interface Parts {
  readonly server: Server;
  readonly engine: Engine;
  readonly batches: Batches;
  readonly registry: AgentRegistry;
  readonly tools: ToolExecutors;
  readonly store: Store;
  readonly drainMs: number;
}

async function stop({ server, engine, batches, registry, tools, store, drainMs }: Parts): Promise<void> {
  server.health.shutdown();
  batches.beginNoMore();
  await engine.close(drainMs);
  await batches.close(batchGraceMs);
  registry.close();
  tools.close();
  await server.drain({ graceMs: connectionGraceMs });
  await store.close();
}
