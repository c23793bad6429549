import { randomUUID } from "node:crypto";
import type { Spawn } from "@dragoman/agent";
import { ViolationError } from "@dragoman/agui";
import type { LogKey } from "@dragoman/event-log";
import type { ActiveRun } from "../active-run.ts";
import type { Answer } from "../answer/answer.ts";
import { readAnswer } from "../answer/read-answer.ts";
import { type AttachOptions, attachToRun } from "../attachment.ts";
import type { EngineCore, StartedInside } from "../core.ts";
import type { StartedRun } from "../engine.ts";
import { type RunInfo, readEntry, type SessionInfo, type SessionParent } from "../entries.ts";
import { limitReached } from "../errors.ts";
import { findRun } from "../find-run.ts";
import type { RunPort } from "../run-port.ts";
import { agentNotFound } from "../run-refusals.ts";
import type { Session } from "../session.ts";
import { withPort } from "../with-port.ts";
import { followParents } from "./children.ts";
import { parentRun } from "./parent-run.ts";
import { runEnded, spawnTooDeep, taskIdTaken } from "./spawn-errors.ts";
import { childRequest, childSessionId, type PlacedRequest, type SpawnRequest } from "./spawn-request.ts";
import { subagentEnded, subagentStarted } from "./subagent-events.ts";

/** How long a silence of a sub-agent lasts before its reader looks again whether it is still wanted. */
const idleMs = 60_000;

/**
 * Gives tasks to sub-agents. Each runs in a session of its own; the run that delegated shows it as SUBAGENT_*
 * events, and takes it with it when it ends.
 */
export class Spawns {
  readonly #core: EngineCore;
  /** How many sub-agents an active run has started. */
  readonly #counts = new WeakMap<ActiveRun, number>();
  /** What resolves when the end of a sub-agent is shown in its parent, by the sub-agent's session. */
  readonly #showing = new Map<string, Promise<void>>();

  constructor(core: EngineCore) {
    this.#core = core;
    core.runContextParts.push((run) => ({ spawn: this.#spawnFor(run) }));
    followParents(core);
  }

  #order(): number {
    return this.#core.created().order;
  }

  /**
   * Starts a sub-agent, or finds the one that was started by the same request, and attaches to its run. Rejects
   * with RUN_ENDED if the parent's run is not active, SPAWN_TOO_DEEP, RUN_EXISTS if the task id means something
   * else, and LIMIT_REACHED.
   */
  async start(request: SpawnRequest, attach: AttachOptions): Promise<StartedRun> {
    const { namespace, agentId, parent } = request;
    if (!this.#core.agents.find(agentId)) throw agentNotFound(agentId);
    const attached = ({ session, run, joined, created }: StartedInside) => {
      return { attachment: attachToRun(session, run, attach), joined, created };
    };
    if (!parent) {
      const placed = { ...request, depth: 0, sessionId: childSessionId(request) };
      return this.#core.startRun(childRequest(placed, this.#order()), attached);
    }
    const key = { namespace, id: parent.sessionId };
    return this.#core.sessions.use(key, async (session) => {
      const placed = await this.#place(session, request, parent);
      // A retry gets its answer whatever became of the parent.
      if (await this.#exists(placed))
        return this.#core.startRun(childRequest(placed, this.#order()), attached);
      return withPort(session, (port) => this.#startInside(session, port, placed, attached));
    });
  }

  /**
   * Starts a sub-agent like {@link start} and waits for what it comes to. Its end is in the parent's run before
   * this resolves, so that a parent that waits for the answer does not end before. Rejects with RUN_FAILED too.
   */
  async run(request: SpawnRequest, attach: AttachOptions): Promise<{ answer: Answer; run: RunInfo }> {
    const { attachment } = await this.start(request, attach);
    const key: LogKey = { namespace: request.namespace, id: attachment.sessionId };
    const getRun = () => this.#core.sessions.use(key, (session) => session.resolveRun(request.taskId));
    try {
      const answer = await readAnswer(attachment, this.#core.limits.answerMaxBytes, getRun);
      return { answer, run: await getRun() };
    } finally {
      attachment.close();
      if (!attach.signal.aborted) await this.#showing.get(idOf(key));
    }
  }

  /** Finds the run that delegates, and the session for the task. */
  async #place(session: Session, request: SpawnRequest, parent: SessionParent): Promise<PlacedRequest> {
    const depth = (session.info.spawnDepth ?? 0) + 1;
    const place = (runId: string, sessionId?: string): PlacedRequest => {
      const placed = { ...request, parent: { ...parent, runId }, depth };
      return { ...placed, sessionId: sessionId ?? childSessionId(placed) };
    };
    const unnamed = childSessionId({ ...request, parent: { ...parent, runId: "" } });
    const begunIn = await this.#parentRunOf({ namespace: request.namespace, id: unnamed });
    // A retry that names no run means the one that it began in, whatever runs there by now.
    if (parent.runId === "" && begunIn !== undefined) return place(begunIn, unnamed);
    const { runId } = await parentRun(session, parent.runId);
    if (runId === begunIn) return place(runId, unnamed);
    const named = place(runId);
    return parent.runId !== "" || (await this.#exists(named)) ? named : place(runId, unnamed);
  }

  /** The run that delegated to the agent of a session; undefined if there is no such session. */
  async #parentRunOf({ namespace, id }: LogKey): Promise<string | undefined> {
    const entry = await this.#core.store.catalog.get({ namespace, kind: "session", parent: "", id });
    return entry && readEntry<SessionInfo>(entry).parent?.runId;
  }

  async #exists({ namespace, sessionId, taskId }: PlacedRequest): Promise<boolean> {
    const key = { namespace, id: sessionId };
    return (await findRun(this.#core.store.catalog, key, taskId)) !== undefined;
  }

  /** Starts a sub-agent of the active run, whose port this is. Two requests for the same one come after another. */
  async #startInside<T>(
    session: Session,
    port: RunPort | undefined,
    request: PlacedRequest & { readonly parent?: SessionParent },
    then: (started: StartedInside) => T,
  ): Promise<T> {
    const run = session.active;
    const runId = request.parent?.runId ?? "";
    if (await this.#exists(request)) return this.#core.startRun(childRequest(request, this.#order()), then);
    if (!port || run?.info.runId !== runId || run.info.cancelRequested)
      throw runEnded(session.sessionId, runId);
    this.#check(run, request.depth);
    if (port.hasSubagent(request.taskId)) throw taskIdTaken(session.sessionId, request.taskId);
    const { hops = 0 } = run.info;
    return this.#core.startRun({ ...childRequest(request, this.#order()), hops }, async (started) => {
      const child = started.session.liveRun(request.taskId);
      if (child) await this.#show(session, run, started.session, child, request);
      return then(started);
    });
  }

  #check(run: ActiveRun, depth: number): void {
    const { spawnDepthMax, spawnsPerRunMax } = this.#core.limits;
    if (depth > spawnDepthMax) throw spawnTooDeep(depth, spawnDepthMax);
    const count = this.#counts.get(run) ?? 0;
    if (count >= spawnsPerRunMax)
      throw limitReached("spawnsPerRunMax", spawnsPerRunMax, "the run has started too many sub-agents");
  }

  /** Ties a sub-agent to the run that delegated: shows its life there, and ends it with it. */
  async #show(
    session: Session,
    run: ActiveRun,
    childSession: Session,
    child: ActiveRun,
    request: SpawnRequest,
  ): Promise<void> {
    this.#counts.set(run, (this.#counts.get(run) ?? 0) + 1);
    const cancelChild = () =>
      this.#core.runs.cancel(childSession, child, "the run that delegated to it has ended");
    void run.ended.then(cancelChild).catch(this.#core.onError);
    const { description } = this.#core.agents.find(request.agentId)?.agent ?? {};
    try {
      if (!run.port) throw runEnded(session.sessionId, run.info.runId);
      run.port.inject([subagentStarted(request, childSession.sessionId, description)]);
      await session.flush();
    } catch (error) {
      await cancelChild();
      throw error instanceof ViolationError ? taskIdTaken(session.sessionId, request.taskId) : error;
    }
    const id = idOf(childSession.key);
    const showing = child.ended
      .then((info) => this.#showEnd(session, run, childSession, info))
      .catch(this.#core.onError)
      .finally(() => this.#showing.delete(id));
    this.#showing.set(id, showing);
  }

  /** A parent that has ended has closed its sub-agents itself. */
  async #showEnd(session: Session, run: ActiveRun, childSession: Session, info: RunInfo): Promise<void> {
    if (run.isEnded) return;
    const own = childSession.openInterrupts.filter(({ runId }) => runId === info.runId);
    await withPort(session, async (port) => {
      if (!port || session.active !== run) return;
      try {
        port.inject([subagentEnded(info, own)]);
      } catch (error) {
        // An agent that said itself that it ended is believed.
        if (!(error instanceof ViolationError)) throw error;
      }
      await session.flush();
    });
  }

  /** What the agent of a run delegates with. */
  #spawnFor({ info, controller }: ActiveRun): Spawn {
    const { namespace, sessionId, runId, agentId: from } = info;
    return async (agentId, task, { taskId = randomUUID(), ...about } = {}) => {
      const parent = { sessionId, runId, agentId: from };
      const attach = { idleMs, signal: controller.signal };
      const { answer } = await this.run({ namespace, agentId, task, taskId, parent, ...about }, attach);
      const { usage: _usage, ...result } = answer;
      return result;
    };
  }
}

function idOf({ namespace, id }: LogKey): string {
  return JSON.stringify([namespace, id]);
}
