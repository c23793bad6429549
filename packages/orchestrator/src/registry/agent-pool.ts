import { type Agent, type AgentOutput, AgentUnavailableError, type RunContext } from "@dragoman/agent";
import type { AgentCapabilities, RunAgentInput } from "@dragoman/agui";
import { quote } from "@dragoman/engine";
import { Endpoint, type EndpointHost } from "./endpoint.ts";
import { type EndpointSpec, isSameReplica, isSameSpec, placeOf } from "./endpoint-spec.ts";
import { PooledRun } from "./pooled-run.ts";

/** Where a registered agent is in its life. */
export type AgentState = "ready" | "unavailable" | "draining";

/** What an agent is registered as. */
export interface AgentDefinition {
  /** What it is for, in a sentence; empty: as its host says. */
  readonly description: string;
  readonly endpoints: readonly EndpointSpec[];
}

/** What is kept of a registered agent. Times are milliseconds since 1970. */
export interface AgentRecord extends AgentDefinition {
  readonly agentId: string;
  readonly createTime: number;
  /** Its place among all that were registered. */
  readonly order: number;
  readonly updateTime: number;
}

/** What an agent needs of its registry. */
export interface PoolHost extends Omit<EndpointHost, "onChange"> {
  /** Told when something of an agent is other than before. */
  readonly onChange: (pool: AgentPool, what: "state" | "count") => void;
  /** Checks an endpoint now, and from now on. */
  readonly watch: (endpoint: Endpoint) => Promise<void>;
  /** Checks an endpoint that is watched now. */
  readonly check: (endpoint: Endpoint) => Promise<void>;
  readonly unwatch: (endpoint: Endpoint) => void;
}

/** How many endpoints a message names. */
const namedEndpointsMax = 3;

/** A registered agent: an agent whose runs go to the healthy endpoint with the fewest of them. */
export class AgentPool implements Agent {
  readonly agentId: string;
  readonly #host: PoolHost;
  #record: AgentRecord;
  #endpoints: readonly Endpoint[];
  /** Endpoints that were replaced while they had runs. */
  readonly #retired = new Set<Endpoint>();
  #isDraining = false;
  #capabilities: AgentCapabilities = {};
  #useCount = 0;

  constructor(record: AgentRecord, host: PoolHost) {
    this.agentId = record.agentId;
    this.#host = host;
    this.#record = record;
    this.#endpoints = record.endpoints.map((spec) => this.#newEndpoint(spec));
  }

  /** What is kept of it; of an endpoint that drains, and of all once it drains itself, nothing is. */
  get record(): AgentRecord {
    return this.#record;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** The protocol of its first endpoint. */
  get kind(): string {
    return this.#endpoints[0]?.spec.protocol ?? "grpc";
  }

  get description(): string {
    if (this.#record.description !== "") return this.#record.description;
    return (
      this.#endpoints.find(({ description }) => description?.description)?.description?.description ?? ""
    );
  }

  get state(): AgentState {
    if (this.#isDraining) return "draining";
    const isReady = this.#endpoints.some((one) => !one.isDraining && one.health === "healthy");
    return isReady ? "ready" : "unavailable";
  }

  /** How many of its runs are active, those on endpoints that were replaced too. */
  get activeRunCount(): number {
    return this.allEndpoints.reduce((sum, { leases }) => sum + leases.size, 0);
  }

  /** What it can do, as one of its hosts last said. */
  capabilities(): AgentCapabilities {
    for (const { health, description } of this.#endpoints) {
      if (health === "healthy" && description !== undefined) this.#capabilities = description.capabilities;
    }
    return this.#capabilities;
  }

  run(input: RunAgentInput, context: RunContext): AsyncIterable<AgentOutput> {
    return { [Symbol.asyncIterator]: () => new PooledRun(this, input, context) };
  }

  pick(tried: readonly Endpoint[]): Endpoint | undefined {
    if (this.#isDraining) return undefined;
    const open = this.#endpoints.filter((one) => !one.isDraining && !tried.includes(one));
    const picked =
      leastLoaded(open.filter(({ health }) => health === "healthy")) ??
      leastLoaded(open.filter(({ health }) => health === "unknown"));
    if (picked !== undefined) picked.lastUse = ++this.#useCount;
    return picked;
  }

  unavailable(): AgentUnavailableError {
    const name = `The agent ${quote(this.agentId)}`;
    if (this.#isDraining) {
      return new AgentUnavailableError(`${name} drains: it was deregistered and takes no more runs.`);
    }
    const open = this.#endpoints.filter(({ isDraining }) => !isDraining);
    const reasons = open
      .slice(0, namedEndpointsMax)
      .map(({ place, errorMessage }) => `${place.url}: ${errorMessage || "not checked yet"}`);
    if (open.length > reasons.length) reasons.push(`and ${open.length - reasons.length} more`);
    return new AgentUnavailableError(`${name} has no healthy endpoint. ${reasons.join("; ")}`);
  }

  noteLost(endpoint: Endpoint): void {
    endpoint.noteLost();
    void this.#host.check(endpoint);
  }

  /** Its endpoints at a target. */
  endpointsAt(target: string): Endpoint[] {
    const url = urlOf(target);
    return this.#endpoints.filter(({ place }) => place.url === url);
  }

  /** Its endpoints, those too that were replaced while they had runs. */
  get allEndpoints(): readonly Endpoint[] {
    return [...this.#endpoints, ...this.#retired];
  }

  /** Checks all its endpoints, and from now on. */
  async watch(): Promise<void> {
    await Promise.all(this.#endpoints.map((endpoint) => this.#host.watch(endpoint)));
  }

  /** The definition with the values of headers that are left empty filled in from what it has. */
  completed(definition: AgentDefinition): AgentDefinition {
    return { ...definition, endpoints: definition.endpoints.map((spec) => this.#withSecrets(spec)) };
  }

  /** Whether it is registered as this already. */
  isRegisteredAs({ description, endpoints }: AgentDefinition): boolean {
    const mine = this.#endpoints.filter(({ isDraining }) => !isDraining).map(({ spec }) => spec);
    return (
      !this.#isDraining &&
      description === this.#record.description &&
      endpoints.length === mine.length &&
      endpoints.every((spec) => mine.some((one) => isSameSpec(one, spec)))
    );
  }

  /** Goes by another record from now on: runs go on where they are. */
  replace(record: AgentRecord): void {
    const before = this.#endpoints;
    this.#record = record;
    this.#isDraining = false;
    this.#endpoints = record.endpoints.map((spec) => {
      const same = before.find((one) => isSameSpec(one.spec, spec)) ?? this.#newEndpoint(spec);
      same.isDraining = false;
      return same;
    });
    for (const endpoint of before) if (!this.#endpoints.includes(endpoint)) this.#retire(endpoint);
    this.#host.onChange(this, "state");
  }

  /** Takes no more runs. */
  drain(): void {
    this.#isDraining = true;
    this.#host.onChange(this, "state");
  }

  /** Lets endpoints take no more runs; the others are what is kept. */
  drainEndpoints(endpoints: readonly Endpoint[], record: AgentRecord): void {
    this.#record = record;
    for (const endpoint of endpoints) endpoint.isDraining = true;
    this.#host.onChange(this, "state");
  }

  /** Drops endpoints that drain and have no more runs. */
  dropDrained(): void {
    const drained = this.#endpoints.filter(({ isDraining, leases }) => isDraining && leases.size === 0);
    if (drained.length === 0) return;
    this.#endpoints = this.#endpoints.filter((endpoint) => !drained.includes(endpoint));
    for (const endpoint of drained) this.#retire(endpoint);
    this.#host.onChange(this, "state");
  }

  /** Ends its connections. */
  close(): void {
    for (const endpoint of this.#endpoints) this.#retire(endpoint);
  }

  #retire(endpoint: Endpoint): void {
    this.#host.unwatch(endpoint);
    if (endpoint.leases.size > 0) this.#retired.add(endpoint);
    endpoint.retire();
  }

  #newEndpoint(spec: EndpointSpec): Endpoint {
    const endpoint: Endpoint = new Endpoint(spec, {
      ...this.#host,
      onChange: (what) => {
        if (endpoint.leases.size === 0) this.#retired.delete(endpoint);
        this.#host.onChange(this, what);
      },
    });
    return endpoint;
  }

  #withSecrets(spec: EndpointSpec): EndpointSpec {
    const known = this.#record.endpoints.find((one) => isSameReplica(one, spec))?.headers ?? {};
    const headers = Object.entries(spec.headers).map(([name, value]) => [name, value || (known[name] ?? "")]);
    return { ...spec, headers: Object.fromEntries(headers) };
  }
}

/** The endpoint with the fewest runs; among several the one that was unused for longest. */
function leastLoaded(endpoints: readonly Endpoint[]): Endpoint | undefined {
  let best: Endpoint | undefined;
  for (const one of endpoints) {
    const difference =
      best === undefined ? -1 : one.leases.size - best.leases.size || one.lastUse - best.lastUse;
    if (difference < 0) best = one;
  }
  return best;
}

/** The origin of a target; undefined for one that can be no endpoint's. */
function urlOf(target: string): string | undefined {
  try {
    return placeOf(target).url;
  } catch {
    return undefined;
  }
}
