import type { Agent } from "@dragoman/agent";
import type { Catalog } from "@dragoman/event-log";
import { ActiveRun, type DisconnectPolicy } from "./active-run.ts";
import type { Created } from "./creation.ts";
import type { RunInfo } from "./entries.ts";
import { EngineError, limitReached, shuttingDown } from "./errors.ts";
import type { ExecuteContext } from "./execute-context.ts";
import { executeRun } from "./execute-run.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { finishRun } from "./finish-run.ts";
import { applyDecisions, decisionsOfRun, nothingDecided } from "./interrupts/decisions.ts";
import { markDispatched } from "./interrupts/dispatch.ts";
import type { EngineLimits } from "./limits.ts";
import { followUpOf, newRunInfo } from "./new-run.ts";
import { encodeRecord } from "./records.ts";
import { agentNotFound, cameBack, runExists } from "./run-refusals.ts";
import type { Session } from "./session.ts";
import {
  type BegunRun,
  beginRun,
  inputRecord,
  planAnswers,
  type RunRequest,
  runIsActive,
  type StartContext,
} from "./start-run.ts";
import type { ToolHost } from "./tools/tool-host.ts";
import { untilStored } from "./until-stored.ts";

/** What controlling runs needs. */
export interface RunControlOptions {
  readonly catalog: Catalog;
  readonly limits: EngineLimits;
  readonly now: () => number;
  /** Gives what is made its time and its place in lists. */
  readonly created: () => Created;
  readonly onError: (error: unknown) => void;
  /** Aborts when the engine gives up. */
  readonly closed: AbortSignal;
  /** The tools that are registered. */
  readonly tools: ToolHost;
  /** What an agent is given besides what every host gives it. */
  readonly runContext: ExecuteContext["runContext"];
}

/** How long a start waits for the close of a connection to be noticed. */
const closeNoticeMs = 250;

/** Starts, queues, executes and cancels the runs of an engine. */
export class RunControl {
  /** The runs that are active now. */
  readonly running = new Set<ActiveRun>();
  readonly #options: RunControlOptions;
  /** Starts that were let in and have no active run yet. */
  #startingCount = 0;
  #isStopping = false;

  constructor(options: RunControlOptions) {
    this.#options = options;
  }

  /** Lets no further run begin: new ones are refused, and those that wait stay queued. */
  beginNoMore(): void {
    this.#isStopping = true;
  }

  /** Starts a run or finds the one that exists. Call it while holding the mutex of the session. */
  async startOrJoin(
    session: Session,
    request: RunRequest,
    agent: Agent,
  ): Promise<{ run: ActiveRun | RunInfo; joined: boolean }> {
    const { input } = request;
    const fingerprint = fingerprintOf(request.agentId, input);
    const existing = await session.findRun(input.runId);
    if (existing) {
      if (existing.fingerprint !== fingerprint) throw runExists(session, input.runId);
      const live = session.liveRun(input.runId);
      if (live && (request.hops ?? 0) > (live.info.hops ?? 0)) throw cameBack(session, input.runId);
      return { run: live ?? existing, joined: true };
    }
    session.assertOpen();
    const { activeRunsMax } = this.#options.limits;
    if (this.running.size + this.#startingCount >= activeRunsMax)
      throw limitReached("activeRunsMax", activeRunsMax, "too many runs are active");
    this.#startingCount++;
    try {
      return { run: await this.#start(session, request, fingerprint, agent), joined: false };
    } finally {
      this.#startingCount--;
    }
  }

  /** Begins a run, or makes it wait for its turn. */
  async #start(session: Session, request: RunRequest, fingerprint: string, agent: Agent): Promise<ActiveRun> {
    const queue = await this.#makeRoom(session, request);
    if (this.#isStopping) throw shuttingDown();
    const info = newRunInfo(session, request, fingerprint, agent, this.#options.created());
    const run = this.newRun(session, info, request.disconnect);
    if (queue) await this.#enqueue(session, run, request, agent);
    else await this.#begin(session, run, request, agent);
    return run;
  }

  /** Meets the active run as the request says; true if the new run has to wait. */
  async #makeRoom(session: Session, request: RunRequest): Promise<boolean> {
    if (session.isIdle) return false;
    const active = session.active ?? session.queue[0];
    if (!active) return false;
    const policy = request.ifActive ?? "default";
    if (policy === "queue") return true;
    if (policy === "reject") throw runIsActive(session, active.info);
    if (policy === "default" && (active.info.isUnattended || !(await active.isAbandoned(closeNoticeMs))))
      throw runIsActive(session, active.info);
    // Answers that are refused must not have ended anything.
    if (request.input.resume?.length) await planAnswers(session, request, this.#startContext());
    if (session.active) await this.cancel(session, session.active, "another run was started");
    await session.active?.ended;
    return session.queue.length > 0;
  }

  async #enqueue(session: Session, run: ActiveRun, request: RunRequest, agent: Agent): Promise<void> {
    if (session.queue.length >= this.#options.limits.queuedRunsMax) {
      throw limitReached(
        "queuedRunsMax",
        this.#options.limits.queuedRunsMax,
        "too many runs wait in this session",
      );
    }
    await this.#writeQueued(session, run, request);
    // What answers goes before what was not asked yet: the questions are about what is there now.
    if (run.info.goesFirst) session.queue.unshift(run);
    else session.queue.push(run);
    session.hub.run(run.info);
    void this.beginInTurn(session, run, request, agent);
  }

  /**
   * Puts a run in the queue, before all others, that answers what was said to an agent and never taken by it.
   * Called before its run ends, so that the session is not idle between the two. Never rejects.
   */
  async #followUp(session: Session, request: RunRequest, agent: Agent): Promise<void> {
    if (session.info.state !== "active") return;
    const next = followUpOf(request);
    const created = this.#options.created();
    const fingerprint = fingerprintOf(next.agentId, next.input);
    const info = newRunInfo(session, next, fingerprint, agent, created);
    const waiting = this.newRun(session, info, next.disconnect);
    try {
      await this.#writeQueued(session, waiting, next);
    } catch (error) {
      this.#options.onError(error);
      return;
    }
    session.queue.unshift(waiting);
    session.hub.run(waiting.info);
    void this.beginInTurn(session, waiting, next, agent);
  }

  async #writeQueued(session: Session, run: ActiveRun, request: RunRequest): Promise<void> {
    const now = this.#options.now();
    const decisions = request.decidesAtOnce
      ? decisionsOfRun(await planAnswers(session, request, this.#startContext()), run.info.runId, now)
      : nothingDecided;
    const writer = await session.write();
    run.info = { ...run.info, state: "queued", inputRecord: writer.nextRecord };
    if (request.decidesAtOnce) run.info = { ...run.info, goesFirst: true };
    const records = [inputRecord(session, request, run.info, now), ...decisions.records];
    const entries = session.interruptEntries(decisions.infos);
    writer.add(records, [...session.entriesFor(run.info), ...entries]);
    await session.flush();
    applyDecisions(session, decisions);
  }

  /** Begins a queued run when those before it have ended. */
  async beginInTurn(
    session: Session,
    run: ActiveRun,
    request: RunRequest,
    agent: Agent | undefined,
  ): Promise<void> {
    session.users++;
    let isOver = false;
    const begin = () =>
      session.mutex.run(async () => {
        // Another may have gone before it meanwhile.
        isOver = session.active === undefined && session.queue[0] === run;
        if (!isOver) return;
        if (this.#isStopping) return;
        if (!agent) throw agentNotFound(request.agentId);
        await this.#begin(session, run, request, agent);
      });
    try {
      while (!isOver) {
        await this.#turn(session, run);
        // What it was promised to go on with is decided: it must not fail because the store is full now.
        if (run.info.goesFirst) await untilStored(session, begin, this.#options.closed);
        else await begin();
      }
    } catch (error) {
      this.#options.onError(error);
      await this.#failToBegin(session, run, error);
    } finally {
      session.users--;
    }
  }

  /** Waits until those before a run have ended. */
  async #turn(session: Session, run: ActiveRun): Promise<void> {
    while (session.active || session.queue[0] !== run) {
      const before = session.active ?? session.queue[0];
      await before?.ended;
      if (session.active === before) session.active = undefined;
    }
  }

  async #begin(session: Session, run: ActiveRun, request: RunRequest, agent: Agent): Promise<void> {
    const context = this.#startContext();
    session.active = run;
    try {
      const begun = await session.writing(() => beginRun(session, request, agent, run, context));
      session.dequeue(run);
      this.#run(session, run, request, agent, begun);
    } catch (error) {
      session.active = undefined;
      throw error;
    }
  }

  /** Goes on with a run that had begun before a crash, but whose agent was not called. */
  goOn(session: Session, info: RunInfo, request: RunRequest, agent: Agent, begun: BegunRun): void {
    const run = this.newRun(session, info, request.disconnect);
    session.active = run;
    this.#run(session, run, request, agent, begun);
  }

  #run(session: Session, run: ActiveRun, request: RunRequest, agent: Agent, begun: BegunRun): void {
    run.begin();
    this.running.add(run);
    void run.ended.then(() => this.running.delete(run));
    void this.#execute(session, run, request, agent, begun);
  }

  #startContext(): StartContext {
    const { catalog, tools, limits, now } = this.#options;
    return { catalog, tools, limits, now };
  }

  async #execute(
    session: Session,
    run: ActiveRun,
    request: RunRequest,
    agent: Agent,
    begun: BegunRun,
  ): Promise<void> {
    session.users++;
    const context = this.executeContext();
    const none = { warningCount: 0, droppedEventCount: 0 };
    const ids = { threadId: run.info.sessionId, runId: run.info.runId };
    try {
      const isResumed = run.info.resumeRecord !== undefined && begun.agentInput !== undefined;
      if (isResumed && !(await markDispatched(session, run, context))) {
        session.active = undefined;
        run.end(run.info);
        session.notify();
      } else if (run.info.cancelRequested) {
        const event = { type: "RUN_FINISHED", ...ids, outcome: { type: "cancelled" } } as const;
        await finishRun(session, run, { ...none, terminal: { event, bytes: undefined } }, context);
      } else if (begun.agentInput === undefined) {
        const outcome = { type: "interrupt" as const, interrupts: [...begun.repeat] };
        const event = { type: "RUN_FINISHED", ...ids, outcome } as const;
        await finishRun(session, run, { ...none, terminal: { event, bytes: undefined } }, context);
      } else {
        await executeRun(session, run, agent, begun.agentInput, begun.events, {
          ...context,
          ownTools: request.input.tools ?? [],
          onUnheard: () => this.#followUp(session, request, agent),
        });
      }
    } catch (error) {
      this.#options.onError(error);
      const refusal = { code: "INTERNAL", message: "The server failed to run the agent." };
      await finishRun(session, run, { ...none, refusal }, context).catch(this.#options.onError);
    } finally {
      session.users--;
    }
  }

  /** A queued run that cannot begin ends in the catalog: it has no events. */
  async #failToBegin(session: Session, run: ActiveRun, error: unknown): Promise<void> {
    session.dequeue(run);
    const errorMessage = error instanceof EngineError ? error.message : "the run could not begin";
    const errorCode = error instanceof EngineError ? error.reason : "INTERNAL";
    const info: RunInfo = {
      ...run.info,
      state: "failed",
      endTime: this.#options.now(),
      errorMessage,
      errorCode,
    };
    try {
      const writer = await session.write();
      writer.add([], session.entriesFor(info));
      await session.flush();
    } catch (failure) {
      this.#options.onError(failure);
    }
    run.end(info);
    session.notify();
    session.hub.run(info);
  }

  /** Makes the wish durable that a run ends as cancelled, and stops its agent. */
  async cancel(session: Session, run: ActiveRun, reason: string): Promise<void> {
    if (run.isEnded || run.info.cancelRequested) return;
    const writer = await session.write();
    if (run.isEnding) {
      await run.ended;
      return;
    }
    run.info = { ...run.info, cancelRequested: true };
    const { runId } = run.info;
    writer.add(
      [encodeRecord({ type: "cancel", time: this.#options.now(), runId, reason })],
      session.entriesFor(run.info),
    );
    await session.flush();
    run.stop?.("cancelled");
  }

  /** Makes the object of a run that this process is responsible for. */
  newRun(session: Session, info: RunInfo, policy: DisconnectPolicy): ActiveRun {
    const run: ActiveRun = new ActiveRun(info, policy, () => {
      void this.cancel(session, run, "its client is gone").catch(this.#options.onError);
    });
    return run;
  }

  executeContext(): ExecuteContext {
    const { limits, now, closed, tools, runContext } = this.#options;
    return { limits, now, closed, tools, runContext };
  }
}
