import { randomUUID } from "node:crypto";
import type { Agent } from "@dragoman/agent";
import type { Message } from "@dragoman/agui";
import type { LogKey, Store } from "@dragoman/event-log";
import { ActiveRun, type DisconnectPolicy } from "./active-run.ts";
import { type Attachment, type AttachOptions, attachToRun, attachToSession } from "./attachment.ts";
import type { InterruptInfo, RunInfo, SessionInfo } from "./entries.ts";
import { EngineError, limitReached, quote } from "./errors.ts";
import { executeRun } from "./execute-run.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { finishRun } from "./finish-run.ts";
import { completeLimits, type EngineLimits } from "./limits.ts";
import { type ListRunsQuery, type ListSessionsQuery, listRuns, listSessions, type Page } from "./lists.ts";
import { recoverRuns } from "./recovery.ts";
import { beginRun, inputRecord, type RunRequest, runIsActive, type StartContext } from "./start-run.ts";
import { encodeRecord } from "./records.ts";
import type { Session } from "./session.ts";
import { Sessions } from "./sessions.ts";

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
  /** Takes what nobody waits for, such as a queued run that cannot begin. Default: nobody. */
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
 * Opens an engine on a store. Every run that a crash left open is ended or goes on before this resolves.
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
  readonly #closed = new AbortController();
  readonly #running = new Set<ActiveRun>();
  #isClosing = false;

  /** Use {@link openEngine}. */
  constructor(options: EngineOptions) {
    this.limits = completeLimits(options.limits);
    this.#store = options.store;
    this.#agents = options.agents;
    this.#sessions = new Sessions(options.store, this.limits);
    this.#now = options.now ?? Date.now;
    this.#onError = options.onError ?? (() => {});
  }

  /** How many runs are active. */
  get activeRunCount(): number {
    return this.#running.size;
  }

  /** Starts a run, or joins it, and attaches to it from its first event unless told otherwise. */
  async start(request: RunRequest, attach: AttachOptions): Promise<StartedRun> {
    if (this.#isClosing) throw shuttingDown();
    const found = this.#agents.find(request.agentId);
    if (!found) throw agentNotFound(request.agentId);
    const { agentId, agent } = found;
    const known = { ...request, agentId };
    const key: LogKey = { namespace: request.namespace, id: request.input.threadId };
    const info = () => newSession(key, agentId, this.#now());
    return this.#sessions.useOrCreate(key, info, async (session) => {
      const { run, joined } = await session.mutex.run(() => this.#startOrJoin(session, known, agent));
      return { attachment: attachToRun(session, run, attach), joined };
    });
  }

  /** Attaches to a run. An empty id means the active run, else the last one. */
  observeRun(key: LogKey, runId: string, attach: AttachOptions): Promise<Attachment> {
    return this.#sessions.use(key, async (session) => attachToRun(session, await session.resolveRun(runId), attach));
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
  async createSession(key: LogKey, agentId: string): Promise<SessionView> {
    if (this.#isClosing) throw shuttingDown();
    if (await this.#sessions.exists(key)) {
      throw new EngineError("SESSION_EXISTS", `there is a session ${quote(key.id)} already`, { session_id: key.id });
    }
    return this.#sessions.useOrCreate(key, () => newSession(key, agentId, this.#now()), async (session) => {
      await session.saveInfo();
      return viewOf(session);
    });
  }

  /** Ends a session: cancels its runs and takes no more. An ended one is returned as it is. */
  endSession(key: LogKey): Promise<SessionView> {
    return this.#sessions.use(key, async (session) => {
      if (session.info.state === "active") {
        await session.saveInfo({ state: "ended", endTime: this.#now() });
        for (const run of [...session.queue, ...(session.active ? [session.active] : [])]) {
          await this.#cancel(session, run, "the session was ended");
        }
        await session.active?.ended;
      }
      return viewOf(session);
    });
  }

  /** Ends a run as cancelled; the intent is durable when this resolves. An ended run is returned as it is. */
  cancelRun(key: LogKey, runId: string): Promise<RunInfo> {
    return this.#sessions.use(key, async (session) => {
      const info = await session.resolveRun(runId);
      const run = session.liveRun(info.runId);
      if (!run) return info;
      await this.#cancel(session, run, "asked by a client");
      return run.info;
    });
  }

  /** Ends or goes on with every run that a crash left open. Called once, by {@link openEngine}. */
  async recover(): Promise<void> {
    await recoverRuns(this.#store.catalog, this.#sessions, this.#executeContext(), (session, queued) => {
      const run = this.#newRun(session, queued.info, { action: "continue", graceMs: 0 });
      session.queue.push(run);
      const agent = this.#agents.find(queued.info.agentId)?.agent;
      void this.#beginInTurn(session, run, { ...queued.request, ifActive: "queue" }, agent);
    });
  }

  /**
   * Stops: takes no more runs, lets active ones end for `graceMs`, then ends them with SERVER_SHUTDOWN.
   * Resolves when every run has its terminal event in the log. The store stays open.
   */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    const all = Promise.allSettled([...this.#running].map((run) => run.ended));
    await withTimeout(all, graceMs);
    for (const run of this.#running) run.stop?.("shutdown");
    await withTimeout(Promise.allSettled([...this.#running].map((run) => run.ended)), graceMs + 5_000);
    this.#closed.abort(new Error("the engine is closed"));
  }

  async #startOrJoin(session: Session, request: RunRequest, agent: Agent): Promise<{ run: ActiveRun | RunInfo; joined: boolean }> {
    const { input } = request;
    const fingerprint = fingerprintOf(request.agentId, input);
    const existing = await session.findRun(input.runId);
    if (existing) {
      if (existing.fingerprint !== fingerprint) throw runExists(session, input.runId);
      return { run: session.liveRun(input.runId) ?? existing, joined: true };
    }
    session.assertOpen();
    if (this.#running.size >= this.limits.activeRunsMax) {
      throw limitReached("activeRunsMax", this.limits.activeRunsMax, "too many runs are active");
    }
    const queue = await this.#makeRoom(session, request);
    const run = this.#newRun(session, newRun(session, request, fingerprint, agent, this.#now()), request.disconnect);
    if (queue) await this.#enqueue(session, run, request, agent);
    else await this.#begin(session, run, request, agent);
    return { run, joined: false };
  }

  /** Meets the active run as the request says; true if the new run has to wait. */
  async #makeRoom(session: Session, request: RunRequest): Promise<boolean> {
    if (session.isIdle) return false;
    const active = session.active ?? session.queue[0];
    if (!active) return false;
    const policy = request.ifActive ?? "default";
    if (policy === "queue") return true;
    if (policy === "reject" || (policy === "default" && active.attached > 0)) throw runIsActive(session, active.info);
    if (session.active) await this.#cancel(session, session.active, "another run was started");
    await session.active?.ended;
    return session.queue.length > 0;
  }

  async #enqueue(session: Session, run: ActiveRun, request: RunRequest, agent: Agent): Promise<void> {
    if (session.queue.length >= this.limits.queuedRunsMax) {
      throw limitReached("queuedRunsMax", this.limits.queuedRunsMax, "too many runs wait in this session");
    }
    const writer = await session.write();
    run.info = { ...run.info, state: "queued", inputRecord: session.headRecord + 1 };
    writer.add([inputRecord(session, request, run.info, this.#now())], session.entriesFor(run.info));
    await session.flush();
    session.queue.push(run);
    void this.#beginInTurn(session, run, request, agent);
  }

  /** Begins a queued run when those before it have ended. */
  async #beginInTurn(session: Session, run: ActiveRun, request: RunRequest, agent: Agent | undefined): Promise<void> {
    session.users++;
    try {
      while (session.active || session.queue[0] !== run) {
        const before = session.active ?? session.queue[0];
        await before?.ended;
        if (session.active === before) session.active = undefined;
      }
      await session.mutex.run(async () => {
        if (!agent) throw agentNotFound(request.agentId);
        await this.#begin(session, run, request, agent);
      });
    } catch (error) {
      this.#onError(error);
      await this.#failToBegin(session, run, error);
    } finally {
      session.users--;
    }
  }

  async #begin(session: Session, run: ActiveRun, request: RunRequest, agent: Agent): Promise<void> {
    const context: StartContext = { catalog: this.#store.catalog, limits: this.limits, now: this.#now };
    session.active = run;
    try {
      const begun = await session.writing(() => beginRun(session, request, agent, run, context));
      session.dequeue(run);
      run.begin();
      this.#running.add(run);
      void run.ended.then(() => this.#running.delete(run));
      void this.#execute(session, run, agent, begun);
    } catch (error) {
      session.active = undefined;
      throw error;
    }
  }

  async #execute(session: Session, run: ActiveRun, agent: Agent, begun: Awaited<ReturnType<typeof beginRun>>): Promise<void> {
    session.users++;
    const context = this.#executeContext();
    const none = { warningCount: 0, droppedEventCount: 0 };
    const ids = { threadId: run.info.sessionId, runId: run.info.runId };
    try {
      if (run.info.cancelRequested) {
        const event = { type: "RUN_FINISHED", ...ids, outcome: { type: "cancelled" } } as const;
        await finishRun(session, run, { ...none, terminal: { event, bytes: undefined } }, context);
      } else if (begun.agentInput === undefined) {
        const outcome = { type: "interrupt" as const, interrupts: [...begun.repeat] };
        const event = { type: "RUN_FINISHED", ...ids, outcome } as const;
        await finishRun(session, run, { ...none, terminal: { event, bytes: undefined } }, context);
      } else {
        await executeRun(session, run, agent, begun.agentInput, begun.events, context);
      }
    } catch (error) {
      this.#onError(error);
      const refusal = { code: "INTERNAL", message: "The server failed to run the agent." };
      await finishRun(session, run, { ...none, refusal }, context).catch(this.#onError);
    } finally {
      session.users--;
    }
  }

  /** A queued run that cannot begin ends in the catalog: it has no events. */
  async #failToBegin(session: Session, run: ActiveRun, error: unknown): Promise<void> {
    session.dequeue(run);
    const errorMessage = error instanceof EngineError ? error.message : "the run could not begin";
    const errorCode = error instanceof EngineError ? error.reason : "INTERNAL";
    const info: RunInfo = { ...run.info, state: "failed", endTime: this.#now(), errorMessage, errorCode };
    try {
      const writer = await session.write();
      writer.add([], session.entriesFor(info));
      await session.flush();
    } catch (failure) {
      this.#onError(failure);
    }
    run.end(info);
    session.notify();
  }

  async #cancel(session: Session, run: ActiveRun, reason: string): Promise<void> {
    if (run.isEnded || run.info.cancelRequested) return;
    run.info = { ...run.info, cancelRequested: true };
    const writer = await session.write();
    const { runId } = run.info;
    writer.add([encodeRecord({ type: "cancel", time: this.#now(), runId, reason })], session.entriesFor(run.info));
    await session.flush();
    run.stop?.("cancelled");
  }

  #newRun(session: Session, info: RunInfo, policy: DisconnectPolicy): ActiveRun {
    const run: ActiveRun = new ActiveRun(info, policy, () => {
      void this.#cancel(session, run, "its client is gone").catch(this.#onError);
    });
    return run;
  }

  #executeContext() {
    return { limits: this.limits, now: this.#now, closed: this.#closed.signal };
  }
}

function newSession(key: LogKey, agentId: string, now: number): SessionInfo {
  const { namespace, id: sessionId } = key;
  return { namespace, sessionId, createTime: now, updateTime: now, agentId, state: "active", runCount: 0, messageCount: 0, title: "" };
}

function newRun(session: Session, request: RunRequest, fingerprint: string, agent: Agent, now: number): RunInfo {
  const { input, agentId } = request;
  return {
    namespace: session.key.namespace,
    sessionId: session.sessionId,
    runId: input.runId,
    agentId,
    createTime: now,
    state: "running",
    fingerprint,
    inputRecord: 0,
    firstSequence: 0,
    lastSequence: 0,
    origin: "agent",
    warningCount: 0,
    droppedEventCount: 0,
    ...(input.parentRunId !== undefined && { parentRunId: input.parentRunId }),
    ...(agent.unverified && { unverified: true }),
  };
}

function viewOf(session: Session): SessionView {
  const { info, logId, headSequence, firstSequence, openInterrupts, fold } = session;
  const activeRunId = session.active?.info.runId ?? "";
  return { info, logId, headSequence, firstSequence, activeRunId, openInterrupts, stateRevision: fold.stateRevision };
}

function agentNotFound(agentId: string): EngineError {
  const message = agentId === "" ? "there is no default agent" : `there is no agent ${quote(agentId)}`;
  return new EngineError("AGENT_NOT_FOUND", message, { agent_id: agentId });
}

function runExists(session: Session, runId: string): EngineError {
  return new EngineError(
    "RUN_EXISTS",
    `the session ${quote(session.sessionId)} has a run ${quote(runId)} with another input: choose a new run id`,
    { session_id: session.sessionId, run_id: runId },
  );
}

function shuttingDown(): EngineError {
  return new EngineError("SHUTTING_DOWN", "the server is shutting down and takes no more runs");
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
