import type { RunContext } from "@dragoman/agent";
import type { LogKey, Store } from "@dragoman/event-log";
import type { ActiveRun } from "./active-run.ts";
import { type Created, creationClock } from "./creation.ts";
import type { AgentSource, EngineOptions, SessionDefaults } from "./engine.ts";
import type { RunInfo, SessionInfo } from "./entries.ts";
import { EngineError, shuttingDown } from "./errors.ts";
import { Hub } from "./hub.ts";
import { completeLimits, type EngineLimits } from "./limits.ts";
import { RunControl } from "./run-control.ts";
import { agentNotFound } from "./run-refusals.ts";
import type { Session } from "./session.ts";
import { Sessions, type SessionsEnvironment } from "./sessions.ts";
import type { RunRequest } from "./start-run.ts";
import { ToolHost } from "./tools/tool-host.ts";

/** Does something after a time, in milliseconds; returns what calls it off. */
export type Timer = (delayMs: number, task: () => void) => () => void;

/** What a started run is, for those inside the engine. */
export interface StartedInside {
  readonly session: Session;
  readonly run: ActiveRun | RunInfo;
  /** Whether the run existed before. */
  readonly joined: boolean;
  /** Whether the session was made for it. */
  readonly created: boolean;
}

/** What all parts of an engine share. */
export class EngineCore {
  readonly store: Store;
  readonly agents: AgentSource;
  readonly limits: EngineLimits;
  readonly hub = new Hub();
  readonly sessions: Sessions;
  readonly runs: RunControl;
  readonly tools: ToolHost;
  readonly now: () => number;
  readonly timer: Timer;
  /** How long sessions are kept after their end that do not say it; undefined for ever. */
  readonly retentionMs: number | undefined;
  /** Gives what is made its time and its place in lists. */
  readonly created: () => Created;
  /** Takes what nobody waits for. */
  readonly onError: (error: unknown) => void;
  /** What the parts of the engine give to the agent of a run. */
  readonly runContextParts: ((run: ActiveRun) => Partial<RunContext>)[] = [];
  /** What the parts of the engine forget with a session that is removed. Repeated after a crash. */
  readonly removals: ((session: LogKey) => Promise<void>)[] = [];
  readonly #closing = new AbortController();
  readonly #closed = new AbortController();
  /** Starts that are being decided: they may have begun a run by the time they end. */
  readonly #starting = new Set<Promise<unknown>>();

  constructor(options: EngineOptions) {
    this.store = options.store;
    this.agents = options.agents;
    this.limits = completeLimits(options.limits);
    this.now = options.now ?? Date.now;
    this.timer = options.timer ?? startTimer;
    const { store, sessionDefaults: defaults = {} } = options;
    this.retentionMs = defaults.retentionMs;
    const { limits, hub, now } = this;
    this.sessions = new Sessions({ store, limits, hub, now, defaults: sessionDefaults(defaults) });
    this.created = creationClock(this.now);
    this.onError = options.onError ?? (() => {});
    this.tools = new ToolHost({
      catalog: options.store.catalog,
      limits: this.limits,
      executors: options.toolExecutors ?? {},
      functions: options.functions ?? [],
      created: this.created,
      now: this.now,
    });
    this.runs = new RunControl({
      catalog: options.store.catalog,
      limits: this.limits,
      now: this.now,
      created: this.created,
      onError: this.onError,
      closed: this.closed,
      tools: this.tools,
      runContext: (run) => Object.assign({}, ...this.runContextParts.map((part) => part(run))),
    });
  }

  /** Aborts when the engine takes nothing new. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Aborts when the engine gives up. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** Throws SHUTTING_DOWN once the engine takes nothing new. */
  assertNotClosing(): void {
    if (this.closing.aborted) throw shuttingDown();
  }

  /** Starts a run or joins it; makes its session if need be. */
  async startRun<T>(request: RunRequest, then: (started: StartedInside) => T): Promise<T> {
    this.assertNotClosing();
    const found = this.agents.find(request.agentId);
    if (!found) throw agentNotFound(request.agentId);
    const { agentId, agent } = found;
    checkIds(request.input);
    const key: LogKey = { namespace: request.namespace, id: request.input.threadId };
    let created = false;
    const info = () => {
      created = true;
      return { ...newSession(key, agentId, this.created()), ...request.newSession };
    };
    const starting = this.sessions.useOrCreate(key, info, async (session) => {
      const known = { ...request, agentId };
      const { run, joined } = await session.mutex.run(() => {
        this.sessions.renew(session, info);
        return this.runs.startOrJoin(session, known, agent);
      });
      return then({ session, run, joined, created });
    });
    return this.#track(starting);
  }

  /** Does something that may begin a run, unless the engine takes nothing new. */
  async whileOpen<T>(task: () => Promise<T>): Promise<T> {
    this.assertNotClosing();
    return this.#track(task());
  }

  #track<T>(starting: Promise<T>): Promise<T> {
    this.#starting.add(starting);
    return starting.finally(() => this.#starting.delete(starting));
  }

  /** See {@link Engine.close}. */
  async close(graceMs: number): Promise<void> {
    this.#closing.abort(shuttingDown());
    this.runs.beginNoMore();
    await withTimeout(this.#quiet(), graceMs);
    for (const run of this.runs.running) run.stop?.("shutdown");
    await withTimeout(this.#quiet(), graceMs + 5_000);
    this.#closed.abort(new Error("the engine is closed"));
  }

  /** Resolves when nothing is being started and no run is active. */
  async #quiet(): Promise<void> {
    await Promise.allSettled([...this.#starting]);
    await Promise.allSettled([...this.runs.running].map((run) => run.ended));
  }
}

/** Ids are compared as UTF-8, which has no lone surrogates. */
function checkIds(input: RunRequest["input"]): void {
  for (const name of ["threadId", "runId"] as const) {
    if (input[name].isWellFormed() && input[name] !== "") continue;
    throw new EngineError("INVALID_INPUT", `${name} must be a string of characters, not empty`, {
      path: `/${name}`,
    });
  }
}

/** A session that has nothing yet. */
export function newSession(key: LogKey, agentId: string, created: Created): SessionInfo {
  const { namespace, id: sessionId } = key;
  return {
    namespace,
    sessionId,
    ...created,
    updateTime: created.createTime,
    agentId,
    state: "active",
    runCount: 0,
    messageCount: 0,
    title: "",
  };
}

function startTimer(delayMs: number, task: () => void): () => void {
  const timer = setTimeout(task, delayMs);
  timer.unref?.();
  return () => clearTimeout(timer);
}

/** How sessions behave from when they are made; their retention is looked up when it is needed. */
function sessionDefaults({ expireAfterMs, idleTimeoutMs }: SessionDefaults): SessionsEnvironment["defaults"] {
  return {
    ...(expireAfterMs !== undefined && { expireAfterMs }),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
  };
}

/** Resolves with the promise, or when the time is over. */
async function withTimeout(promise: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}
