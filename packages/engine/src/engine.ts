import type { Agent } from "@dragoman/agent";
import type { Message } from "@dragoman/agui";
import type { LogKey, Store } from "@dragoman/event-log";
import { type Attachment, type AttachOptions, attachToRun, attachToSession } from "./attachment.ts";
import { appendChange } from "./change.ts";
import { Chats } from "./chat/chats.ts";
import { EngineCore, newSession, type Timer } from "./core.ts";
import type { InterruptInfo, RunInfo, SessionInfo, SessionOptions } from "./entries.ts";
import { EngineError, quote } from "./errors.ts";
import { SessionEvents } from "./events/session-events.ts";
import { checkOptions } from "./expiry/check-options.ts";
import { SessionExpiry } from "./expiry/session-expiry.ts";
import { Interrupts } from "./interrupts/interrupts.ts";
import type { EngineLimits } from "./limits.ts";
import { type ListRunsQuery, type ListSessionsQuery, listRuns, listSessions, type Page } from "./lists.ts";
import { newId } from "./new-id.ts";
import { recoverRuns } from "./recovery.ts";
import type { Session } from "./session.ts";
import { Spawns } from "./spawn/spawns.ts";
import type { RunRequest } from "./start-run.ts";
import { SessionStates } from "./state/session-states.ts";
import { Surfaces } from "./surface/surfaces.ts";
import type { FunctionTool, ToolExecutor } from "./tools/tool.ts";
import { Tools } from "./tools/tools.ts";

/** The agents that an engine can run. */
export interface AgentSource {
  /** Returns an agent; the default one for an empty id; undefined if there is none. */
  find(agentId: string): { readonly agentId: string; readonly agent: Agent } | undefined;
}

/** How sessions behave whose creator does not say. What is not given here is for ever. */
export interface SessionDefaults {
  /** How long they live, from when they are made. Of those that are made from now on. */
  readonly expireAfterMs?: number;
  /** How long they live without a new event. Of those that are made from now on. */
  readonly idleTimeoutMs?: number;
  /** How long they are kept after their end; of all that are there. */
  readonly retentionMs?: number;
}

export interface EngineOptions {
  readonly store: Store;
  readonly agents: AgentSource;
  readonly limits?: Partial<EngineLimits>;
  /** What executes registered tools, by the kind that they are registered with. Default none. */
  readonly toolExecutors?: Readonly<Record<string, ToolExecutor>>;
  /** Functions that every session is offered as tools. Default none. */
  readonly functions?: readonly FunctionTool[];
  /** The clock, in milliseconds since 1970. Default Date.now. */
  readonly now?: () => number;
  /** What waits for deadlines by that clock. Default setTimeout. */
  readonly timer?: Timer;
  /** How sessions behave whose creator does not say. */
  readonly sessionDefaults?: SessionDefaults;
  /** Takes what nobody waits for, such as a queued run that cannot begin or a session that cannot be recovered. */
  readonly onError?: (error: unknown) => void;
}

/** What {@link Engine.start} returns. */
export interface StartedRun {
  readonly attachment: Attachment;
  /** Whether the run existed before. */
  readonly joined: boolean;
  /** Whether its session was made for it. */
  readonly created: boolean;
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
  /** When it expires if nobody prolongs it, or when it did. */
  readonly expireTime: number | undefined;
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
  /** The events of many sessions. */
  readonly events: SessionEvents;
  /** The questions of agents to people. */
  readonly interrupts: Interrupts;
  /** The shared state of sessions. */
  readonly states: SessionStates;
  /** The sessions of users in places. */
  readonly surfaces: Surfaces;
  /** The tasks of sub-agents. */
  readonly spawns: Spawns;
  /** The tools of sessions, and those for all. */
  readonly tools: Tools;
  /** Talks with agents. */
  readonly chats: Chats;
  readonly #core: EngineCore;
  readonly #expiry: SessionExpiry;

  /** Use {@link openEngine}. */
  constructor(options: EngineOptions) {
    this.#core = new EngineCore(options);
    this.#expiry = new SessionExpiry(this.#core);
    this.limits = this.#core.limits;
    this.events = new SessionEvents(this.#core);
    this.interrupts = new Interrupts(this.#core);
    this.states = new SessionStates(this.#core);
    this.surfaces = new Surfaces(this.#core);
    this.spawns = new Spawns(this.#core);
    this.tools = new Tools(this.#core);
    this.chats = new Chats(this.#core);
  }

  /** How many runs are active. */
  get activeRunCount(): number {
    return this.#core.runs.running.size;
  }

  /** How many runs of an agent are active. */
  activeRunCountOf(agentId: string): number {
    let count = 0;
    for (const { info } of this.#core.runs.running) if (info.agentId === agentId) count++;
    return count;
  }

  /** Starts a run, or joins it, and attaches to it from its first event unless told otherwise. */
  start(request: RunRequest, attach: AttachOptions): Promise<StartedRun> {
    return this.#core.startRun(request, ({ session, run, joined, created }) => {
      return { attachment: attachToRun(session, run, attach), joined, created };
    });
  }

  /** Attaches to a run. An empty id means the active run, else the last one. */
  observeRun(key: LogKey, runId: string, attach: AttachOptions): Promise<Attachment> {
    return this.#core.sessions.use(key, async (session) =>
      attachToRun(session, await session.resolveRun(runId), attach),
    );
  }

  /** Attaches to a session, over all its runs. */
  observeSession(key: LogKey, attach: AttachOptions, follow: boolean): Promise<Attachment> {
    return this.#core.sessions.use(key, (session) => attachToSession(session, attach, follow));
  }

  /** Returns a run. */
  getRun(key: LogKey, runId: string): Promise<RunInfo> {
    return this.#core.sessions.use(key, (session) => session.resolveRun(runId));
  }

  /** Lists runs, newest first. */
  listRuns(query: ListRunsQuery): Promise<Page<RunInfo>> {
    return listRuns(this.#core.store.catalog, query);
  }

  /** Lists sessions, the last made first. */
  listSessions(query: ListSessionsQuery): Promise<Page<SessionInfo>> {
    return listSessions(this.#core.store.catalog, query);
  }

  /** Returns a session as it stands now. */
  getSession(key: LogKey): Promise<SessionView> {
    return this.#core.sessions.use(key, async (session) => {
      await this.#expiry.settle(session);
      return viewOf(session);
    });
  }

  /** Returns the history as it stands now, with the sequence that it was read at. */
  messages(key: LogKey): Promise<{ readonly messages: readonly Message[]; readonly headSequence: number }> {
    return this.readMessages(key, (messages, headSequence) => {
      return { messages: structuredClone([...messages]), headSequence };
    });
  }

  /** Reads the history as it stands now, without a copy of it: do not change or keep what `read` is given. */
  readMessages<T>(key: LogKey, read: (messages: readonly Message[], headSequence: number) => T): Promise<T> {
    return this.#core.sessions.use(key, ({ fold, headSequence }) => read(fold.messages, headSequence));
  }

  /** Makes a session. Rejects with SESSION_EXISTS or LIMIT_REACHED. */
  async createSession(
    key: LogKey,
    options: SessionOptions = {},
    initialState?: unknown,
  ): Promise<SessionView> {
    this.#core.assertNotClosing();
    const exists = () => {
      return new EngineError("SESSION_EXISTS", `there is a session ${quote(key.id)} already`, {
        session_id: key.id,
      });
    };
    checkOptions(options, this.limits);
    if (await this.#core.sessions.exists(key)) throw exists();
    const info = () => ({ ...newSession(key, "", this.#core.created()), options });
    return this.#core.sessions.useOrCreate(key, info, (session) =>
      session.mutex.run(async () => {
        if (!session.isNew) throw exists();
        this.#core.sessions.renew(session, info);
        if (initialState === undefined) await session.saveInfo();
        else {
          const events = [{ type: "STATE_SNAPSHOT" as const, snapshot: initialState }];
          const change = { runId: newId(), origin: "state", events } as const;
          await session.writing(() => appendChange(session, change, this.#core.created()));
        }
        return viewOf(session);
      }),
    );
  }

  /**
   * Ends a session: cancels its runs and takes no more. One that is over is returned as it is.
   *
   * With `dropState` the shared state is emptied, as an event like any other.
   */
  endSession(key: LogKey, dropState = false): Promise<SessionView> {
    return this.#core.sessions.use(key, async (session) => {
      await this.#expiry.end(session, dropState);
      return viewOf(session);
    });
  }

  /** Ends a run as cancelled; the intent is durable when this resolves. An ended run is returned as it is. */
  cancelRun(key: LogKey, runId: string): Promise<RunInfo> {
    return this.#core.sessions.use(key, async (session) => {
      const info = await session.resolveRun(runId);
      const run = session.liveRun(info.runId);
      if (!run) return info;
      await this.#core.runs.cancel(session, run, "asked by a client");
      return run.info;
    });
  }

  /** Ends or goes on with every run that a crash left open. Called once, by {@link openEngine}. */
  async recover(): Promise<void> {
    await this.#expiry.prepare();
    await recoverRuns({
      catalog: this.#core.store.catalog,
      sessions: this.#core.sessions,
      context: this.#core.runs.executeContext(),
      onError: this.#core.onError,
      goOn: (session, { info, request }, begun) => {
        const agent = this.#core.agents.find(info.agentId)?.agent;
        if (agent) this.#core.runs.goOn(session, info, request, agent, begun);
        return agent !== undefined;
      },
      requeue: (session, queued) => {
        const run = this.#core.runs.newRun(session, queued.info, { action: "continue", graceMs: 0 });
        session.queue.push(run);
        const agent = this.#core.agents.find(queued.info.agentId)?.agent;
        void this.#core.runs.beginInTurn(session, run, { ...queued.request, ifActive: "queue" }, agent);
      },
    });
    this.#expiry.start();
  }

  /**
   * Stops: takes no more runs, lets active ones end for `graceMs`, then ends them with SERVER_SHUTDOWN. Runs
   * that wait stay queued in the log and begin when an engine opens on it again.
   * Resolves when every run has its terminal event in the log. The store stays open.
   */
  async close(graceMs: number): Promise<void> {
    const stopped = this.#expiry.stop();
    await this.#core.close(graceMs);
    await stopped;
  }
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
    expireTime: session.expiry?.time ?? info.expireTime,
  };
}
