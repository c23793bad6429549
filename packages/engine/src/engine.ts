import { randomUUID } from "node:crypto";
import type { Agent } from "@dragoman/agent";
import type { Message } from "@dragoman/agui";
import type { LogKey, Store } from "@dragoman/event-log";
import { type Attachment, type AttachOptions, attachToRun, attachToSession } from "./attachment.ts";
import { appendChange } from "./change.ts";
import { type Created, creationClock } from "./creation.ts";
import type { InterruptInfo, RunInfo, SessionInfo, SessionOptions } from "./entries.ts";
import { EngineError, quote, shuttingDown } from "./errors.ts";
import { completeLimits, type EngineLimits } from "./limits.ts";
import { type ListRunsQuery, type ListSessionsQuery, listRuns, listSessions, type Page } from "./lists.ts";
import { recoverRuns } from "./recovery.ts";
import { agentNotFound, RunControl } from "./run-control.ts";
import type { Session } from "./session.ts";
import { Sessions } from "./sessions.ts";
import type { RunRequest } from "./start-run.ts";

/** The agents that an engine can run. */
export interface AgentSource {
  /** Returns an agent; the default one for an empty id; undefined if there is none. */
  find(agentId: string): { readonly agentId: string; readonly agent: Agent } | undefined;
}

export interface EngineOptions {
  readonly store: Store;
  readonly agents: AgentSource;
  readonly limits?: Partial<EngineLimits>;
  /** The clock, in milliseconds since 1970. Default Date.now. */
  readonly now?: () => number;
  /** Takes what nobody waits for, such as a queued run that cannot begin or a session that cannot be recovered. */
  readonly onError?: (error: unknown) => void;
}

/** What {@link Engine.start} returns. */
export interface StartedRun {
  readonly attachment: Attachment;
  /** Whether the run existed before. */
  readonly joined: boolean;
}

/** A session as it stands now. */
export interface SessionView {
  readonly info: SessionInfo;
  readonly logId: string;
  readonly headSequence: number;
  readonly firstSequence: number;
  readonly activeRunId: string;
  readonly openInterrupts: readonly InterruptInfo[];
  readonly stateRevision: number;
}

/**
 * Opens an engine on a store. Every run that a crash left open is ended or goes on before this resolves, or
 * before its session can be used: see {@link EngineLimits.recoveryTimeoutMs}.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const engine = new Engine(options);
  await engine.recover();
  return engine;
}

/** Runs agents in sessions. Everything a client may see is read from the log. */
export class Engine {
  readonly limits: EngineLimits;
  readonly #store: Store;
  readonly #agents: AgentSource;
  readonly #sessions: Sessions;
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #created: () => Created;
  readonly #closed = new AbortController();
  readonly #runs: RunControl;
  /** Starts that are being decided: they may have begun a run by the time they end. */
  readonly #starting = new Set<Promise<unknown>>();
  #isClosing = false;

  /** Use {@link openEngine}. */
  constructor(options: EngineOptions) {
    this.limits = completeLimits(options.limits);
    this.#store = options.store;
    this.#agents = options.agents;
    this.#sessions = new Sessions(options.store, this.limits);
    this.#now = options.now ?? Date.now;
    this.#onError = options.onError ?? (() => {});
    this.#created = creationClock(this.#now);
    this.#runs = new RunControl({
      catalog: options.store.catalog,
      limits: this.limits,
      now: this.#now,
      created: this.#created,
      onError: this.#onError,
      closed: this.#closed.signal,
    });
  }

  /** How many runs are active. */
  get activeRunCount(): number {
    return this.#runs.running.size;
  }

  /** Starts a run, or joins it, and attaches to it from its first event unless told otherwise. */
  async start(request: RunRequest, attach: AttachOptions): Promise<StartedRun> {
    if (this.#isClosing) throw shuttingDown();
    const found = this.#agents.find(request.agentId);
    if (!found) throw agentNotFound(request.agentId);
    const { agentId, agent } = found;
    checkIds(request.input);
    const known = { ...request, agentId };
    const key: LogKey = { namespace: request.namespace, id: request.input.threadId };
    const info = () => newSession(key, agentId, this.#created());
    const starting = this.#sessions.useOrCreate(key, info, async (session) => {
      const { run, joined } = await session.mutex.run(() => this.#runs.startOrJoin(session, known, agent));
      return { attachment: attachToRun(session, run, attach), joined };
    });
    this.#starting.add(starting);
    return starting.finally(() => this.#starting.delete(starting));
  }

  /** Attaches to a run. An empty id means the active run, else the last one. */
  observeRun(key: LogKey, runId: string, attach: AttachOptions): Promise<Attachment> {
    return this.#sessions.use(key, async (session) =>
      attachToRun(session, await session.resolveRun(runId), attach),
    );
  }

  /** Attaches to a session, over all its runs. */
  observeSession(key: LogKey, attach: AttachOptions, follow: boolean): Promise<Attachment> {
    return this.#sessions.use(key, (session) => attachToSession(session, attach, follow));
  }

  /** Returns a run. */
  getRun(key: LogKey, runId: string): Promise<RunInfo> {
    return this.#sessions.use(key, (session) => session.resolveRun(runId));
  }

  /** Lists runs, newest first. */
  listRuns(query: ListRunsQuery): Promise<Page<RunInfo>> {
    return listRuns(this.#store.catalog, query);
  }

  /** Lists sessions, the last made first. */
  listSessions(query: ListSessionsQuery): Promise<Page<SessionInfo>> {
    return listSessions(this.#store.catalog, query);
  }

  /** Returns a session as it stands now. */
  getSession(key: LogKey): Promise<SessionView> {
    return this.#sessions.use(key, (session) => viewOf(session));
  }

  /** Returns the history as it stands now, with the sequence that it was read at. */
  messages(key: LogKey): Promise<{ readonly messages: readonly Message[]; readonly headSequence: number }> {
    return this.#sessions.use(key, (session) => {
      return { messages: structuredClone([...session.fold.messages]), headSequence: session.headSequence };
    });
  }

  /** Makes a session. Rejects with SESSION_EXISTS. */
  async createSession(
    key: LogKey,
    options: SessionOptions = {},
    initialState?: unknown,
  ): Promise<SessionView> {
    if (this.#isClosing) throw shuttingDown();
    const exists = () => {
      return new EngineError("SESSION_EXISTS", `there is a session ${quote(key.id)} already`, {
        session_id: key.id,
      });
    };
    if (await this.#sessions.exists(key)) throw exists();
    const info = () => ({ ...newSession(key, "", this.#created()), options });
    return this.#sessions.useOrCreate(key, info, (session) =>
      session.mutex.run(async () => {
        if (!session.isNew) throw exists();
        if (initialState === undefined) await session.saveInfo();
        else {
          const events = [{ type: "STATE_SNAPSHOT" as const, snapshot: initialState }];
          await appendChange(session, { runId: newId(), origin: "state", events }, this.#created());
        }
        return viewOf(session);
      }),
    );
  }

  /**
   * Ends a session: cancels its runs and takes no more. An ended one is returned as it is.
   *
   * With `dropState` the shared state is emptied, as an event like any other.
   */
  endSession(key: LogKey, dropState = false): Promise<SessionView> {
    return this.#sessions.use(key, async (session) => {
      if (session.info.state === "active") {
        await session.mutex.run(() => session.saveInfo({ state: "ended", endTime: this.#now() }));
        for (const run of [...session.queue, ...(session.active ? [session.active] : [])]) {
          await this.#runs.cancel(session, run, "the session was ended");
        }
        await Promise.all(
          [...session.queue, ...(session.active ? [session.active] : [])].map((run) => run.ended),
        );
        if (dropState) await session.mutex.run(() => this.#dropState(session));
      }
      return viewOf(session);
    });
  }

  async #dropState(session: Session): Promise<void> {
    const events = [{ type: "STATE_SNAPSHOT" as const, snapshot: {} }];
    await appendChange(session, { runId: newId(), origin: "state", events }, this.#created());
  }

  /** Ends a run as cancelled; the intent is durable when this resolves. An ended run is returned as it is. */
  cancelRun(key: LogKey, runId: string): Promise<RunInfo> {
    return this.#sessions.use(key, async (session) => {
      const info = await session.resolveRun(runId);
      const run = session.liveRun(info.runId);
      if (!run) return info;
      await this.#runs.cancel(session, run, "asked by a client");
      return run.info;
    });
  }

  /** Ends or goes on with every run that a crash left open. Called once, by {@link openEngine}. */
  async recover(): Promise<void> {
    await recoverRuns({
      catalog: this.#store.catalog,
      sessions: this.#sessions,
      context: this.#runs.executeContext(),
      onError: this.#onError,
      requeue: (session, queued) => {
        const run = this.#runs.newRun(session, queued.info, { action: "continue", graceMs: 0 });
        session.queue.push(run);
        const agent = this.#agents.find(queued.info.agentId)?.agent;
        void this.#runs.beginInTurn(session, run, { ...queued.request, ifActive: "queue" }, agent);
      },
    });
  }

  /**
   * Stops: takes no more runs, lets active ones end for `graceMs`, then ends them with SERVER_SHUTDOWN. Runs
   * that wait stay queued in the log and begin when an engine opens on it again.
   * Resolves when every run has its terminal event in the log. The store stays open.
   */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    this.#runs.beginNoMore();
    await withTimeout(this.#quiet(), graceMs);
    for (const run of this.#runs.running) run.stop?.("shutdown");
    await withTimeout(this.#quiet(), graceMs + 5_000);
    this.#closed.abort(new Error("the engine is closed"));
  }

  /** Resolves when nothing is being started and no run is active. */
  async #quiet(): Promise<void> {
    await Promise.allSettled([...this.#starting]);
    await Promise.allSettled([...this.#runs.running].map((run) => run.ended));
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

function newSession(key: LogKey, agentId: string, created: Created): SessionInfo {
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

function viewOf(session: Session): SessionView {
  const { info, logId, headSequence, firstSequence, openInterrupts, fold } = session;
  const activeRunId = session.active?.info.runId ?? "";
  return {
    info,
    logId,
    headSequence,
    firstSequence,
    activeRunId,
    openInterrupts,
    stateRevision: fold.stateRevision,
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

/** Makes an id for a session or a run: random, unique. */
export function newId(): string {
  return randomUUID();
}
