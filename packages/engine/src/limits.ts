/** Limits of an engine. Every one has a default; a reached one is an error that names it. */
export interface EngineLimits {
  /** Runs that may be active at once, over all sessions. Default 10,000. */
  readonly activeRunsMax: number;
  /** Runs that may wait in one session behind the active one. Default 16. */
  readonly queuedRunsMax: number;
  /** Messages that the history of one session may have. Default 20,000. */
  readonly historyMessagesMax: number;
  /** Events that one run may have. Default 10,000,000. */
  readonly runEventsMax: number;
  /** Interrupts that may wait for an answer in one session. Default 1,000. */
  readonly openInterruptsMax: number;
  /** Interrupts that changed and wait to be read by one watcher. Default 10,000. */
  readonly watchedInterruptsMax: number;
  /** Bytes of one encoded event. Default 4 MiB less 1 KiB, what gRPC clients accept unconfigured. */
  readonly eventMaxBytes: number;
  /** Bytes of events of one run that may wait for the store before its agent is slowed down. Default 1 MiB. */
  readonly pendingMaxBytes: number;
  /** Bytes of encoded events near the head that are kept in memory per session. Default 1 MiB. */
  readonly ringMaxBytes: number;
  /** Readers that one session may have at once. Default 10,000. */
  readonly readersPerSessionMax: number;
  /** Sessions that may be active, over all namespaces; those that are over do not count. Default 1,000,000. */
  readonly sessionsMax: number;
  /** Bytes of the options of one session as JSON: its tools, context and metadata. Default 1 MiB. */
  readonly sessionOptionsMaxBytes: number;
  /** Deadlines of sessions that are held in memory; later ones are looked for in time. Default 100,000. */
  readonly deadlinesMax: number;
  /** Sessions that are ended by their deadlines, or removed, at once. Default 16. */
  readonly expiriesParallelMax: number;
  /** Sessions that are kept in memory while nobody uses them. Default 1,000. */
  readonly idleSessionsMax: number;
  /** How long a run may take, in milliseconds. Default 24 hours. */
  readonly runTimeoutMs: number;
  /** How long a run may send nothing, in milliseconds. Default 1 hour. */
  readonly runIdleTimeoutMs: number;
  /** Bytes of events that may wait for one watcher of many sessions; more are left out. Default 1 MiB. */
  readonly watchPendingMaxBytes: number;
  /** Changes of the state of one session whose keys for safe retries are remembered. Default 1,000. */
  readonly stateRequestsMax: number;
  /** How long a run may be paused before it goes on by itself, in milliseconds. Default 1 hour. */
  readonly pauseTimeoutMs: number;
  /** Tools that may be registered for all sessions of a namespace. Default 1,000. */
  readonly toolsMax: number;
  /** Tools that may be registered for one session. Default 256. */
  readonly toolsPerSessionMax: number;
  /** Bytes of one registered tool as JSON, with its schema and what executes it. Default 64 KiB. */
  readonly toolMaxBytes: number;
  /** Schemas of tools that are kept compiled. Default 1,000. */
  readonly toolValidatorsMax: number;
  /** How long checking a schema, or arguments against it, may hold up the process, in milliseconds. Default 1,000. */
  readonly toolSchemaTimeoutMs: number;
  /** Calls of registered tools that one run executes at once; further ones wait. Default 16. */
  readonly toolCallsParallelMax: number;
  /** Tools that may be executed at once on behalf of clients, over all sessions. Default 1,000. */
  readonly toolCallsMax: number;
  /** How often an agent is called again in one run with the results of registered tools. Default 32. */
  readonly toolRoundsMax: number;
  /** Bytes of the result of one tool. Default 1 MiB. */
  readonly toolResultMaxBytes: number;
  /** How long a tool may take that says nothing else, in milliseconds. Default 30 seconds. */
  readonly toolTimeoutMs: number;
  /** How long a call waits for a client where the tool says nothing else, in milliseconds. Default 2 minutes. */
  readonly clientToolTimeoutMs: number;
  /**
   * How long opening waits for the sessions that a crash left open, in milliseconds; the rest is recovered beside
   * the work, and refuses calls until it is. Default 30 seconds.
   */
  readonly recoveryTimeoutMs: number;
  /** How many sub-agents deep a run may be. Default 8. */
  readonly spawnDepthMax: number;
  /** How many sub-agents one run may start. Default 64. */
  readonly spawnsPerRunMax: number;
  /** Bytes of text of a run that are held to answer a plain call. Default 4 MiB less 64 KiB. */
  readonly answerMaxBytes: number;
}

const defaults: EngineLimits = {
  activeRunsMax: 10_000,
  queuedRunsMax: 16,
  historyMessagesMax: 20_000,
  runEventsMax: 10_000_000,
  openInterruptsMax: 1_000,
  watchedInterruptsMax: 10_000,
  eventMaxBytes: 4 * 1024 * 1024 - 1024,
  pendingMaxBytes: 1024 * 1024,
  ringMaxBytes: 1024 * 1024,
  readersPerSessionMax: 10_000,
  sessionsMax: 1_000_000,
  sessionOptionsMaxBytes: 1024 * 1024,
  deadlinesMax: 100_000,
  expiriesParallelMax: 16,
  idleSessionsMax: 1_000,
  runTimeoutMs: 24 * 60 * 60 * 1000,
  runIdleTimeoutMs: 60 * 60 * 1000,
  watchPendingMaxBytes: 1024 * 1024,
  stateRequestsMax: 1_000,
  pauseTimeoutMs: 60 * 60 * 1000,
  toolsMax: 1_000,
  toolsPerSessionMax: 256,
  toolMaxBytes: 64 * 1024,
  toolValidatorsMax: 1_000,
  toolSchemaTimeoutMs: 1_000,
  toolCallsParallelMax: 16,
  toolCallsMax: 1_000,
  toolRoundsMax: 32,
  toolResultMaxBytes: 1024 * 1024,
  toolTimeoutMs: 30_000,
  clientToolTimeoutMs: 2 * 60 * 1000,
  recoveryTimeoutMs: 30_000,
  spawnDepthMax: 8,
  spawnsPerRunMax: 64,
  answerMaxBytes: 4 * 1024 * 1024 - 64 * 1024,
};

/** Completes and checks limits. Throws a RangeError for one that is not a positive integer. */
export function completeLimits(limits: Partial<EngineLimits> = {}): EngineLimits {
  const complete = { ...defaults, ...limits };
  for (const [name, value] of Object.entries(complete)) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new RangeError(`${name} must be a positive integer, not ${value}`);
  }
  return complete;
}
