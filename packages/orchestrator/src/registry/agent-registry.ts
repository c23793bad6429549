import type { EgressPolicy } from "@dragoman/egress";
import { type Created, creationClock, EngineError, limitReached, quote } from "@dragoman/engine";
import type { Catalog } from "@dragoman/event-log";
import { type AgentDirectory, createAgentDirectory, type NamedAgent } from "../agent-directory.ts";
import { agentEntry, agentKey, readAgents } from "./agent-entries.ts";
import { type AgentDefinition, AgentPool, type AgentRecord, type PoolHost } from "./agent-pool.ts";
import { AgentWatch, type AgentWatchOptions } from "./agent-watch.ts";
import { checkEndpoints } from "./check-endpoints.ts";
import { CountNotices } from "./count-notices.ts";
import { type DrainOptions, Drains } from "./drains.ts";
import { isSameReplica } from "./endpoint-spec.ts";
import { HealthChecks } from "./health-checks.ts";
import { completeRegistryLimits, type RegistryLimits } from "./limits.ts";
import { put } from "./storage.ts";
import { Turns } from "./turns.ts";

/** What a registry is made of. */
export interface AgentRegistryOptions {
  /** Keeps what is registered. */
  readonly catalog: Catalog;
  /** The agents of the server's own program, the default one first. */
  readonly agents: readonly NamedAgent[];
  /** What registered agents may be at. */
  readonly egress: EgressPolicy;
  /** Whether an address is the server's own, which no agent may be at. Default: none is known. */
  readonly isOwn?: (host: string, port: number) => boolean;
  readonly limits?: Partial<RegistryLimits>;
  /** Takes what nobody waits for. */
  readonly onError?: (error: unknown) => void;
  /** The clock, in milliseconds since 1970. Default Date.now. */
  readonly now?: () => number;
  /** Where the jitter of checks comes from: a number in [0, 1). Default Math.random. */
  readonly random?: () => number;
}

/** What {@link AgentRegistry.register} takes. */
export interface Registration extends AgentDefinition {
  readonly agentId: string;
  /** Whether one that is registered otherwise is replaced. */
  readonly replace: boolean;
}

/**
 * Opens a registry with what the catalog keeps. Do so before an engine is opened on the same store, whose recovery
 * looks for agents.
 */
export async function openAgentRegistry(options: AgentRegistryOptions): Promise<AgentRegistry> {
  const records = await readAgents(options.catalog, options.onError ?? (() => {}));
  return new AgentRegistry(options, records);
}

/** The agents of a server: those of its own program, and those that were registered. */
export class AgentRegistry implements AgentDirectory {
  readonly #options: AgentRegistryOptions;
  readonly #limits: RegistryLimits;
  readonly #builtIn: AgentDirectory;
  readonly #pools = new Map<string, AgentPool>();
  readonly #watches = new Set<AgentWatch>();
  readonly #checks: HealthChecks;
  readonly #drains: Drains;
  readonly #counts = new CountNotices((agentId) => this.#notify(agentId));
  readonly #turns = new Turns();
  readonly #now: () => number;
  readonly #created: () => Created;

  /** Use {@link openAgentRegistry}. */
  constructor(options: AgentRegistryOptions, records: readonly AgentRecord[]) {
    this.#options = options;
    this.#limits = completeRegistryLimits(options.limits);
    this.#builtIn = createAgentDirectory(options.agents);
    this.#now = options.now ?? Date.now;
    this.#created = creationClock(this.#now);
    this.#checks = new HealthChecks({ ...this.#limits, random: options.random ?? Math.random });
    const onError = options.onError ?? (() => {});
    this.#drains = new Drains({ catalog: options.catalog, onError });
    for (const record of records) this.#load(record, onError);
  }

  find(agentId: string): NamedAgent | undefined {
    const builtIn = this.#builtIn.find(agentId);
    if (builtIn !== undefined) return builtIn;
    const agent = this.#pools.get(agentId);
    return agent && { agentId, agent };
  }

  /** All agents: those of the program, then the registered ones, the last one first. */
  list(): readonly NamedAgent[] {
    const pools = [...this.#pools.values()].toSorted((one, other) => other.record.order - one.record.order);
    return [...this.#builtIn.list(), ...pools.map((agent) => ({ agentId: agent.agentId, agent }))];
  }

  /** The agents of the server's own program. */
  get builtIn(): readonly NamedAgent[] {
    return this.#builtIn.list();
  }

  /** A registered agent. */
  pool(agentId: string): AgentPool | undefined {
    return this.#pools.get(agentId);
  }

  /**
   * Registers an agent, and resolves when it is durable and its endpoints were checked once. As it is registered
   * already, nothing changes.
   *
   * Rejects with INVALID_REQUEST, AGENT_EXISTS, ENDPOINT_NOT_ALLOWED or LIMIT_REACHED.
   */
  async register({ agentId, replace, ...definition }: Registration): Promise<AgentPool> {
    const { endpointsMax, healthTimeoutMs } = this.#limits;
    if (definition.endpoints.length > endpointsMax)
      throw limitReached("endpointsMax", endpointsMax, "an agent cannot have so many endpoints");
    const { egress, isOwn = () => false } = this.#options;
    const rules = { egress, isOwn, resolveTimeoutMs: healthTimeoutMs };
    const endpoints = await checkEndpoints(definition.endpoints, rules);
    const pool = await this.#turns.take(() => this.#register(agentId, { ...definition, endpoints }, replace));
    await withinMs(pool.watch(), 2 * healthTimeoutMs);
    return pool;
  }

  /**
   * Takes an agent, or its endpoints at a target, away: durable at once, and gone when their runs are over. Returns
   * the agent; undefined where nothing of it is left.
   *
   * Rejects with AGENT_NOT_FOUND or AGENT_BUILT_IN.
   */
  deregister(agentId: string, target: string, options: DrainOptions): Promise<AgentPool | undefined> {
    return this.#turns.take(async () => {
      const pool = this.#pools.get(agentId);
      if (pool === undefined) throw this.#builtIn.find(agentId) ? builtIn(agentId) : notFound(agentId);
      const endpoints = target === "" ? pool.endpoints : pool.endpointsAt(target);
      if (endpoints.length === 0) throw endpointNotFound(agentId, target);
      const left = pool.record.endpoints.filter(
        (spec) => !endpoints.some((one) => isSameReplica(one.spec, spec)),
      );
      if (left.length === 0) {
        await put(this.#options.catalog, { remove: agentKey(agentId) });
        pool.drain();
      } else {
        const record = { ...pool.record, endpoints: left, updateTime: this.#now() };
        await put(this.#options.catalog, { put: agentEntry(record) });
        pool.drainEndpoints(endpoints, record);
      }
      this.#drains.begin(pool, left.length === 0 ? pool.allEndpoints : endpoints, options);
      this.#settle(pool);
      return this.#pools.get(agentId);
    });
  }

  /** Watches agents. Throws LIMIT_REACHED. */
  watch(options: AgentWatchOptions): AgentWatch {
    const { agentWatchesMax } = this.#limits;
    if (this.#watches.size >= agentWatchesMax)
      throw limitReached("agentWatchesMax", agentWatchesMax, "too many watches of agents are open");
    const watch = new AgentWatch(
      {
        ids: () => this.list().map(({ agentId }) => agentId),
        has: (agentId) => this.find(agentId) !== undefined,
        forget: (one) => this.#watches.delete(one),
      },
      options,
    );
    this.#watches.add(watch);
    return watch;
  }

  /** Ends checks, watches and connections. Runs that are active break. */
  close(): void {
    const ending = new EngineError("SHUTTING_DOWN", "the server is shutting down");
    for (const watch of this.#watches) watch.fail(ending);
    this.#checks.close();
    this.#drains.close();
    this.#counts.close();
    for (const pool of this.#pools.values()) pool.close();
  }

  #load(record: AgentRecord, onError: (error: unknown) => void): void {
    if (this.#builtIn.find(record.agentId) !== undefined) {
      onError(new Error(`the registered agent ${quote(record.agentId)} is hidden by one of the program`));
      return;
    }
    const pool = new AgentPool(record, this.#poolHost());
    this.#pools.set(record.agentId, pool);
    void pool.watch();
  }

  async #register(agentId: string, given: AgentDefinition, replace: boolean): Promise<AgentPool> {
    if (this.#builtIn.find(agentId) !== undefined)
      throw exists(agentId, "is one of the server's own program");
    const known = this.#pools.get(agentId);
    if (known === undefined && this.#pools.size >= this.#limits.agentsMax)
      throw limitReached("agentsMax", this.#limits.agentsMax, "too many agents are registered");
    const isNew = known === undefined || known.state === "draining";
    const definition = known !== undefined && (replace || isNew) ? known.completed(given) : given;
    if (known?.isRegisteredAs(definition)) return known;
    if (!isNew && !replace) throw exists(agentId, "is registered otherwise: set `replace` to replace it");
    const created = isNew ? this.#created() : known.record;
    const { createTime, order } = created;
    const record = { ...definition, agentId, createTime, order, updateTime: this.#now() };
    await this.#keep(record);
    // One that drains may be gone by now.
    if (known !== undefined && this.#pools.get(agentId) === known) {
      this.#drains.end(known);
      known.replace(record);
      return known;
    }
    const pool = new AgentPool(record, this.#poolHost());
    this.#pools.set(agentId, pool);
    this.#notify(agentId);
    return pool;
  }

  async #keep(record: AgentRecord): Promise<void> {
    const entry = agentEntry(record);
    const { agentMaxBytes } = this.#limits;
    if (entry.value.length > agentMaxBytes)
      throw limitReached("agentMaxBytes", agentMaxBytes, "the agent and its headers are too large");
    await put(this.#options.catalog, { put: entry });
  }

  #poolHost(): PoolHost {
    const { egress } = this.#options;
    return {
      checkHost: (host, port) => egress.checkHost(host, port),
      lookupFor: (port) => egress.lookupFor(port),
      now: this.#now,
      watch: (endpoint) => this.#checks.start(endpoint),
      check: (endpoint) => this.#checks.check(endpoint),
      unwatch: (endpoint) => this.#checks.stop(endpoint),
      onChange: (pool, what) => this.#onChange(pool, what),
    };
  }

  #onChange(pool: AgentPool, what: "state" | "count"): void {
    if (what === "state") this.#notify(pool.agentId);
    else {
      this.#counts.note(pool.agentId);
      this.#settle(pool);
    }
  }

  /** Drops what drains and has no more runs. */
  #settle(pool: AgentPool): void {
    if (this.#pools.get(pool.agentId) !== pool) return;
    if (pool.state !== "draining") {
      pool.dropDrained();
      return;
    }
    if (pool.activeRunCount > 0) return;
    this.#pools.delete(pool.agentId);
    this.#drains.end(pool);
    pool.close();
    this.#notify(pool.agentId);
  }

  #notify(agentId: string): void {
    for (const watch of this.#watches) watch.note(agentId);
  }
}

/** Waits for a promise, but no longer than that: checks may stand in a row. */
async function withinMs(promise: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

function exists(agentId: string, why: string): EngineError {
  return new EngineError("AGENT_EXISTS", `the agent ${quote(agentId)} ${why}`, { agent_id: agentId });
}

function builtIn(agentId: string): EngineError {
  const message = `the agent ${quote(agentId)} is one of the server's own program: it stays as long as the server runs`;
  return new EngineError("AGENT_BUILT_IN", message, { agent_id: agentId });
}

/** The error for an agent that is not there. */
export function notFound(agentId: string): EngineError {
  return new EngineError("AGENT_NOT_FOUND", `there is no agent ${quote(agentId)}`, { agent_id: agentId });
}

function endpointNotFound(agentId: string, target: string): EngineError {
  const message = `the agent ${quote(agentId)} has no endpoint ${quote(target)}`;
  return new EngineError("AGENT_NOT_FOUND", message, { agent_id: agentId, target });
}
