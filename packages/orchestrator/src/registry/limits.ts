/** Limits of the registry of agents. Every one has a default; a reached one is an error that names it. */
export interface RegistryLimits {
  /** Agents that may be registered. Default 1,000. */
  readonly agentsMax: number;
  /** Endpoints that one agent may have. Default 64. */
  readonly endpointsMax: number;
  /** Bytes of one agent as JSON, with the headers of its endpoints. Default 1 MiB. */
  readonly agentMaxBytes: number;
  /** Watches of agents that may be open at once. Default 1,000. */
  readonly agentWatchesMax: number;
  /** How often the health of an endpoint is asked for, in milliseconds, give or take a fifth. Default 5 seconds. */
  readonly healthIntervalMs: number;
  /** How long a check of an endpoint may take, in milliseconds. Default 2 seconds. */
  readonly healthTimeoutMs: number;
  /** Checks that are made at once; further ones wait. Default 32. */
  readonly parallelChecksMax: number;
}

const defaults: RegistryLimits = {
  agentsMax: 1_000,
  endpointsMax: 64,
  agentMaxBytes: 1024 * 1024,
  agentWatchesMax: 1_000,
  healthIntervalMs: 5_000,
  healthTimeoutMs: 2_000,
  parallelChecksMax: 32,
};

/** Completes and checks limits. Throws a RangeError for one that is not a positive integer. */
export function completeRegistryLimits(limits: Partial<RegistryLimits> = {}): RegistryLimits {
  const complete = { ...defaults, ...limits };
  for (const [name, value] of Object.entries(complete)) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new RangeError(`${name} must be a positive integer, not ${value}`);
  }
  return complete;
}
