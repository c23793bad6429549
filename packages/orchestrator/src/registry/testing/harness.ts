import type { Agent } from "@dragoman/agent";
import { type AgentHost, type ServeOptions, serve } from "@dragoman/agent/serve";
import { type AguiEvent, decodeEvent, readFrames } from "@dragoman/agui";
import { createEgressPolicy, type EgressPolicy } from "@dragoman/egress";
import { type Attachment, type Engine, openEngine } from "@dragoman/engine";
import { openMemoryStore, type Store } from "@dragoman/event-log";
import { waitUntil } from "@dragoman/testing";
import { type AgentRegistry, type AgentRegistryOptions, openAgentRegistry } from "../agent-registry.ts";
import type { EndpointSpec } from "../endpoint-spec.ts";

/** A host whose runs begin and then wait to be released. */
export interface HeldHost extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly host: AgentHost;
  /** The ids of the runs that began here. */
  readonly begun: readonly string[];
  /** The ids of the runs that are held. */
  held(): string[];
  release(runId: string): void;
}

/** Starts a host whose runs send one event and wait. */
export async function startHeldHost(
  options: ServeOptions = {},
  about: Partial<Agent> = {},
): Promise<HeldHost> {
  const begun: string[] = [];
  const waiting = new Map<string, () => void>();
  const agent: Agent = {
    async *run({ threadId, runId }, { signal }) {
      begun.push(runId);
      yield { type: "STEP_STARTED", stepName: "hold" };
      await new Promise<void>((resolve) => {
        waiting.set(runId, resolve);
        signal.addEventListener("abort", () => resolve());
      });
      waiting.delete(runId);
      yield { type: "STEP_FINISHED", stepName: "hold" };
      yield { type: "RUN_FINISHED", threadId, runId };
    },
    ...about,
  };
  const host = await serve(agent, options);
  return {
    url: host.url,
    port: host.port,
    host,
    begun,
    held: () => [...waiting.keys()],
    release: (runId) => waiting.get(runId)?.(),
    [Symbol.asyncDispose]: () => host.close(),
  };
}

/** Makes a host's health checks wait, for good, and counts how many do. */
export function hangingHealth() {
  const waiting = { count: 0, most: 0 };
  const interceptors: NonNullable<ServeOptions["interceptors"]> = [
    (next) => async (request) => {
      if (request.method.name !== "HealthCheck") return next(request);
      waiting.count += 1;
      waiting.most = Math.max(waiting.most, waiting.count);
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      waiting.count -= 1;
      return next(request);
    },
  ];
  return { waiting, interceptors };
}

/** A registry with an engine, in memory. */
export interface OpenedRegistry extends AsyncDisposable {
  readonly registry: AgentRegistry;
  readonly engine: Engine;
  readonly store: Store;
  readonly errors: readonly unknown[];
  /** Starts a run in a session of its own. */
  start(agentId: string, runId: string): Promise<StartedTestRun>;
  /** Ends it as if its process had gone: what is in the store stays. */
  close(): Promise<void>;
}

/** A run that is being read. */
export interface StartedTestRun {
  readonly events: readonly AguiEvent[];
  /** Resolves with its events when it has ended. */
  readonly ended: Promise<readonly AguiEvent[]>;
}

/** Allows loopback, as a server does that listens there. */
export const loopback: EgressPolicy = createEgressPolicy({
  allowLoopback: true,
  optionName: "--allow-endpoint",
});

/** Opens a registry and an engine on a store. Checks come every 30 ms unless told otherwise. */
export async function openRegistry(
  options: Partial<AgentRegistryOptions> & { readonly store?: Store } = {},
): Promise<OpenedRegistry> {
  const store = options.store ?? (await openMemoryStore());
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const { agents = [], egress = loopback, limits = {}, ...more } = options;
  const registry = await openAgentRegistry({
    catalog: store.catalog,
    agents,
    egress,
    onError,
    ...more,
    limits: { healthIntervalMs: 30, ...limits },
  });
  const engine = await openEngine({ store, agents: registry, onError });
  const close = async () => {
    await engine.close(0);
    registry.close();
  };
  return {
    registry,
    engine,
    store,
    errors,
    start: (agentId, runId) => startRun(engine, agentId, runId),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function startRun(engine: Engine, agentId: string, runId: string): Promise<StartedTestRun> {
  const { attachment } = await engine.start(
    {
      namespace: "default",
      agentId,
      input: { threadId: `t-${runId}`, runId, messages: [] },
      disconnect: { action: "continue", graceMs: 0 },
    },
    { idleMs: 60_000, signal: new AbortController().signal },
  );
  const events: AguiEvent[] = [];
  const ended = readAll(attachment, events);
  ended.catch(() => {});
  return { events, ended };
}

async function readAll(attachment: Attachment, events: AguiEvent[]): Promise<readonly AguiEvent[]> {
  try {
    for (let next = await attachment.next(); next !== "end"; next = await attachment.next()) {
      if (next === "idle") continue;
      const { frames } = next.batch;
      readFrames(frames, ({ start, end }) => void events.push(decodeEvent(frames, start, end)));
    }
  } finally {
    attachment.close();
  }
  return events;
}

/** An endpoint with everything that need not be said. */
export function endpoint(target: string, more: Partial<EndpointSpec> = {}): EndpointSpec {
  return { target, protocol: "grpc", remoteAgentId: "", headers: {}, ...more };
}

/** Registers an agent at targets. */
export function registerAt(registry: AgentRegistry, agentId: string, ...targets: string[]) {
  const endpoints = targets.map((target) => endpoint(target));
  return registry.register({ agentId, description: "", endpoints, replace: false });
}

/** Waits until an endpoint is what it is expected to be. */
export function healthIs(
  registry: AgentRegistry,
  agentId: string,
  target: string,
  health: "healthy" | "unhealthy",
) {
  return waitUntil(
    () => registry.pool(agentId)?.endpointsAt(target)[0]?.health === health,
    `${target} being ${health}`,
  );
}

/** The last event of a run, where it is an error. */
export function errorOf(events: readonly AguiEvent[]) {
  const last = events.at(-1);
  return last?.type === "RUN_ERROR" ? last : undefined;
}
