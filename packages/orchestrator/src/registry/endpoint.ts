import type { LookupFunction } from "node:net";
import { type AgentDescription, type RemoteAgent, remoteAgent } from "@dragoman/agent/remote";
import { type EndpointSpec, type Place, placeOf } from "./endpoint-spec.ts";
import { createRedact } from "./redact.ts";

/** What an endpoint needs of its registry. */
export interface EndpointHost {
  /** Throws for a host that may not be reached. */
  readonly checkHost: (host: string, port: number) => void;
  /** In place of `dns.lookup`, for connections to a port. */
  readonly lookupFor: (port: number) => LookupFunction;
  readonly now: () => number;
  /** Told when something of it is other than before. */
  readonly onChange: (what: "state" | "count") => void;
}

/** A run of an endpoint. */
export interface Lease {
  readonly sessionId: string;
  readonly runId: string;
}

/** What is known of the health of an endpoint. */
export type EndpointHealth = "unknown" | "healthy" | "unhealthy";

/** The longest description that is shown, in UTF-16 units. */
const descriptionMaxLength = 1_024;
/** The longest reason that is shown. */
const errorMaxLength = 1_024;
/** How much a host may say about what its agent can do, as JSON; more is left out. */
const capabilitiesMaxLength = 64 * 1024;

/** So many failed checks in a row take an endpoint out of the rotation. */
const failuresMax = 2;

/** One replica of an agent: a connection to it, its health and its runs. */
export class Endpoint {
  readonly spec: EndpointSpec;
  readonly place: Place;
  /** Its runs. */
  readonly leases = new Set<Lease>();
  /** Takes no more runs, and is removed when it has none. */
  isDraining = false;
  /** Grows with every run of its agent; the lowest is the longest unused. */
  lastUse = 0;
  /** Takes what is secret out of a message. */
  readonly redact: (message: string) => string;
  readonly #host: EndpointHost;
  readonly #remote: RemoteAgent;
  #health: EndpointHealth = "unknown";
  #failures = 0;
  #checkTime: number | undefined;
  #errorMessage = "";
  #description: AgentDescription | undefined;
  #isRetired = false;

  constructor(spec: EndpointSpec, host: EndpointHost) {
    this.spec = spec;
    this.place = placeOf(spec.target);
    this.redact = createRedact(spec.headers);
    this.#host = host;
    this.#remote = remoteAgent({
      target: this.place.url,
      protocol: spec.protocol,
      // Every host of gRPC-Web or Connect has HTTP/1.1; few have HTTP/2 without TLS.
      ...(spec.protocol !== "grpc" && { httpVersion: "1.1" as const }),
      agentId: spec.remoteAgentId,
      headers: spec.headers,
      lookup: host.lookupFor(this.place.port),
      // Another endpoint is better than another attempt.
      maxStartAttempts: 0,
    });
  }

  get health(): EndpointHealth {
    return this.#health;
  }

  /** When its health was last asked for. */
  get checkTime(): number | undefined {
    return this.#checkTime;
  }

  /** Why it is not healthy. */
  get errorMessage(): string {
    return this.#errorMessage;
  }

  /** What its host last said about the agent. */
  get description(): AgentDescription | undefined {
    return this.#description;
  }

  /** The agent behind it. Throws where it may not be reached. */
  get remote(): RemoteAgent {
    this.#host.checkHost(this.place.host, this.place.port);
    return this.#remote;
  }

  /** Counts a run until {@link release}. */
  lease(lease: Lease): void {
    this.leases.add(lease);
    this.#host.onChange("count");
  }

  /** The run is over. Doing it again does nothing. */
  release(lease: Lease): void {
    if (!this.leases.delete(lease)) return;
    if (this.#isRetired) this.#closeIfIdle();
    this.#host.onChange("count");
  }

  /** Asks for its health. Never rejects. */
  async check(signal: AbortSignal): Promise<void> {
    try {
      const { remote } = this;
      await remote.checkHealth(signal);
      if (this.#health === "healthy") this.#note("healthy", "");
      else this.#note("healthy", "", this.#shown(await remote.describe(signal)));
      this.#failures = 0;
    } catch (error) {
      if (signal.aborted && signal.reason instanceof ClosedError) return;
      this.#failures += 1;
      const why = signal.aborted
        ? `${this.place.url} did not answer a health check in time`
        : messageOf(error);
      const isOut = this.#health !== "healthy" || this.#failures >= failuresMax;
      this.#note(isOut ? "unhealthy" : "healthy", isOut ? why : "");
    } finally {
      // A check that was under way may have connected once more.
      if (this.#isRetired) this.#closeIfIdle();
    }
  }

  /** A run could not reach it: it is out of the rotation until a check succeeds. */
  noteUnreachable(error: unknown): void {
    this.#failures = failuresMax;
    this.#note("unhealthy", messageOf(error));
  }

  /** A run lost it in the middle: that counts as much as a failed check. */
  noteLost(): void {
    this.#failures += 1;
  }

  /** Ends its connection once its runs are over. */
  retire(): void {
    this.#isRetired = true;
    this.#closeIfIdle();
  }

  #closeIfIdle(): void {
    if (this.leases.size === 0) this.#remote.close();
  }

  /** What a host says, within bounds. */
  #shown(said: AgentDescription | undefined): AgentDescription | undefined {
    if (said === undefined) return undefined;
    const description = this.redact(said.description).slice(0, descriptionMaxLength).toWellFormed();
    const isLarge = JSON.stringify(said.capabilities).length > capabilitiesMaxLength;
    return { description, capabilities: isLarge ? {} : said.capabilities };
  }

  #note(health: EndpointHealth, message: string, description = this.#description): void {
    const errorMessage = this.redact(message).slice(0, errorMaxLength).toWellFormed();
    const isSame =
      health === this.#health && errorMessage === this.#errorMessage && description === this.#description;
    this.#checkTime = this.#host.now();
    this.#health = health;
    this.#errorMessage = errorMessage;
    this.#description = description;
    if (!isSame) this.#host.onChange("state");
  }
}

/** Why checks end when the registry closes. */
export class ClosedError extends Error {
  override readonly name = "ClosedError";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
