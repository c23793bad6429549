import {
  type Agent,
  createRunPipeline,
  driveAgent,
  type LiveInput,
  LiveInputs,
  type RunPipeline,
} from "@dragoman/agent";
import {
  type AguiEvent,
  createVerifier,
  encodeEvent,
  hasBinaryForm,
  type RunAgentInput,
  type RunErrorEvent,
  type RunFinishedEvent,
  type StateDeltaEvent,
  type StateSnapshotEvent,
  type TokenUsage,
} from "@dragoman/agui";
import type { ActiveRun } from "./active-run.ts";
import { encodeWithin } from "./encode-within.ts";
import { EngineError, limitReached } from "./errors.ts";
import { type ExecuteContext, runErrorCodes } from "./execute-context.ts";
import { type Ending, finishRun } from "./finish-run.ts";
import type { EngineLimits } from "./limits.ts";
import { Pause } from "./pause.ts";
import { RunActivities } from "./run-activities.ts";
import { RunState } from "./run-state.ts";
import type { Session } from "./session.ts";
import { HostSubagents } from "./spawn/host-subagents.ts";
import { nextRound, type RoundRun } from "./tools/next-round.ts";
import { RunCalls } from "./tools/run-calls.ts";
import { sumUsage } from "./tools/sum-usage.ts";
import type { SessionWriter } from "./writer.ts";

/**
 * Runs an agent and appends what it emits, until the run has its terminal event in the log.
 *
 * @param before the events of the run that are in the log already
 */
export async function executeRun(
  session: Session,
  run: ActiveRun,
  agent: Agent,
  input: RunAgentInput,
  before: readonly AguiEvent[],
  context: ExecuteContext,
): Promise<void> {
  const execution = new Execution(await session.write(), session, run, agent, context);
  const { pipeline } = execution;
  execution.begin(before);
  if (run.info.cancelRequested) run.stop?.("cancelled");
  const timers = armTimers(execution, context.limits);
  try {
    const { agentId } = run.info;
    const backpressure = () => execution.backpressure();
    const { signal } = run.controller;
    const { tools, ownTools = [] } = context;
    const loop = { session, run, execution, input, ownTools, tools };
    let next: RunAgentInput | undefined = agent.unverified
      ? input
      : { ...input, tools: await tools.offered(session, ownTools) };
    for (let round = 1; next; round++) {
      const { inputs } = execution;
      const { hops = 0 } = run.info;
      const given = { ...context.runContext(run), signal, agentId, inputs, hops };
      await driveAgent(agent, next, given, pipeline, { backpressure });
      next = await nextRound(loop, round);
    }
  } catch (error) {
    const isStorage = error instanceof EngineError && error.reason === "STORAGE_UNAVAILABLE";
    const code = isStorage ? runErrorCodes.storage : runErrorCodes.unstorable;
    execution.refuse(code, error instanceof Error ? error.message : "the run could not go on");
  } finally {
    timers.stop();
    execution.close();
  }
  if (execution.isUnheard) await context.onUnheard?.();
  await finishRun(session, run, execution.ending(), context);
}

class Execution implements RoundRun {
  readonly pipeline: RunPipeline;
  readonly calls = new RunCalls();
  inputs = new LiveInputs();
  readonly subagents = new HostSubagents();
  readonly state: RunState;
  readonly #activities: RunActivities;
  readonly #writer: SessionWriter;
  readonly #run: ActiveRun;
  readonly #limits: EngineLimits;
  readonly #unverified: boolean;
  readonly #pause: Pause;
  /** What the agent did not take, since it was called last. */
  #left: readonly LiveInput[] = [];
  /** What calls of the agent took whose end was held back. */
  readonly #usage: TokenUsage[] = [];
  #isBeginning = false;
  /** Whether the event that is being emitted is one that others made. */
  #isInjecting = false;
  #eventCount = 0;
  #warningCount = 0;
  #terminal: { event: RunFinishedEvent | RunErrorEvent; bytes: Uint8Array | undefined } | undefined;
  #refusal: { code: string; message: string } | undefined;
  /** Whether the agent left something untaken that it was handed in the promise of an answer. */
  isUnheard = false;
  /** Grows with every event; tells a timer whether the agent is still there. */
  activity = 0;

  constructor(
    writer: SessionWriter,
    session: Session,
    run: ActiveRun,
    agent: Agent,
    context: ExecuteContext,
  ) {
    this.#writer = writer;
    this.#run = run;
    this.#limits = context.limits;
    this.#pause = new Pause(context.limits.pauseTimeoutMs, () => this.#tellPause(session));
    this.state = new RunState(session.fold.state, session.fold.stateRevision, context.limits.eventMaxBytes);
    this.#activities = new RunActivities(() => session.fold.messages);
    this.#unverified = agent.unverified === true;
    const onWarning = () => {
      this.#warningCount++;
    };
    this.pipeline = createRunPipeline({
      threadId: run.info.sessionId,
      runId: run.info.runId,
      verify: !this.#unverified,
      verifier: createVerifier({ history: session.fold.history, onWarning }),
      emit: (event, bytes) => this.#emit(event, bytes),
      hold: (event) => this.#holds(event),
      beforeFinish: () => this.subagents.closers(),
      onWarning,
    });
    run.stop = (outcome) => {
      if (outcome === "shutdown")
        this.stop(runErrorCodes.shutdown, "The server was stopped before the run ended.");
      else run.controller.abort(new Error("the run was cancelled"));
    };
  }

  /** Tells the pipeline what the log holds of this run. */
  begin(events: readonly AguiEvent[]): void {
    this.#isBeginning = true;
    for (const event of events) this.pipeline.inject(event);
    this.#isBeginning = false;
    if (!this.#unverified) this.#run.port = this;
  }

  inject(events: readonly AguiEvent[]): number {
    for (const event of events) encodeWithin(event, this.#limits.eventMaxBytes, "this");
    const { runEventsMax } = this.#limits;
    if (this.#eventCount + events.length > runEventsMax)
      throw limitReached("runEventsMax", runEventsMax, "the run would have too many events");
    this.#isInjecting = true;
    try {
      for (const event of events) {
        this.pipeline.inject(event);
        this.subagents.injected(event);
      }
    } finally {
      this.#isInjecting = false;
    }
    return this.#writer.nextSequence - 1;
  }

  hasSubagent(subagentRunId: string): boolean {
    return this.subagents.has(subagentRunId);
  }

  /** Whether registered tools may have to be executed before the run can end. The agent reads nothing any more. */
  #holds({ outcome }: RunFinishedEvent): boolean {
    if ((outcome?.type ?? "success") !== "success" || !this.calls.needsHost) return false;
    this.#left = [...this.#left, ...this.inputs.end()];
    return true;
  }

  callAgain(held: RunFinishedEvent): void {
    this.calls.calledAgain();
    this.#usage.push(...(held.usage ?? []));
    this.#left = [];
    this.inputs = new LiveInputs();
    this.state.given();
  }

  get isPaused(): boolean {
    return this.#pause.isOn;
  }

  setPaused(isPaused: boolean): void {
    this.#pause.set(isPaused);
  }

  /** Also where a pause ends by itself: an agent elsewhere is held back there. */
  #tellPause({ hub }: Session): void {
    hub.pause(this.#run.info);
    this.inputs.push({ type: "control", action: this.isPaused ? "pause" : "resume" });
  }

  /** The agent is done: nothing can be added any more. */
  close(): void {
    this.#run.stop = undefined;
    this.#run.port = undefined;
    this.#pause.set(false);
    this.isUnheard = [...this.#left, ...this.inputs.end()].some((input) => isPromised(input, this.#run));
  }

  /** Ends the run with an error of the host's own. The first one counts. */
  refuse(code: string, message: string): void {
    this.#refusal ??= { code, message };
    this.#run.port = undefined;
  }

  /** Ends the run with an error of the host's own, now. */
  stop(code: string, message: string): void {
    this.refuse(code, message);
    this.#run.controller.abort(new Error(message));
  }

  /** Holds the agent back while the store is behind, or stops it where the run cannot go on. */
  backpressure(): Promise<void> | undefined {
    if (this.#refusal || this.#writer.failure) {
      this.#run.controller.abort(new Error("the run cannot go on"));
      return Promise.resolve();
    }
    if (this.#pause.isOn) return this.#pause.over;
    if (this.#writer.pendingBytes > this.#limits.pendingMaxBytes) return this.#writer.flush().catch(() => {});
    return this.#writer.shouldYield ? this.#writer.yield() : undefined;
  }

  ending(): Ending {
    const counts = { warningCount: this.#warningCount, droppedEventCount: this.pipeline.droppedCount };
    if (this.#refusal) return { ...counts, refusal: this.#refusal };
    return this.#terminal ? { ...counts, terminal: this.#terminal } : counts;
  }

  #emit(event: AguiEvent, bytes: Uint8Array | undefined): void {
    this.activity++;
    this.subagents.emitted(event);
    if (this.#isBeginning || this.#refusal || this.#writer.failure) return;
    if (this.#unverified) {
      this.#writeAsItIs(event, bytes);
      return;
    }
    if (event.type === "RUN_FINISHED" || event.type === "RUN_ERROR") {
      this.#terminal = this.#terminalOf(event, bytes);
      this.#run.port = undefined;
      return;
    }
    this.#eventCount++;
    if (this.#eventCount > this.#limits.runEventsMax) {
      this.refuse(
        runErrorCodes.limit,
        `The run has more than ${this.#limits.runEventsMax} events (runEventsMax).`,
      );
      return;
    }
    if (event.type === "STATE_SNAPSHOT" || event.type === "STATE_DELTA") this.#writeState(event, bytes);
    else this.#writeOther(event, bytes);
  }

  #writeOther(event: AguiEvent, bytes: Uint8Array | undefined): void {
    this.#activities.push(event);
    this.calls.push(event, !this.#isInjecting);
    this.#write(event, bytes);
  }

  /** What all calls of the agent took is told with the last one. */
  #terminalOf(event: RunFinishedEvent | RunErrorEvent, bytes: Uint8Array | undefined) {
    if (event.type === "RUN_ERROR" || this.#usage.length === 0) return { event, bytes };
    const usage = sumUsage([...this.#usage, ...(event.usage ?? [])]);
    return { event: { ...event, usage }, bytes: undefined };
  }

  #writeState(event: StateSnapshotEvent | StateDeltaEvent, bytes: Uint8Array | undefined): void {
    const rebased = this.#isInjecting ? event : this.state.fromAgent(event, bytes);
    if (rebased === undefined) return;
    this.#write(rebased, rebased === event ? bytes : undefined);
    if (!this.#isInjecting) this.state.wrote(this.#writer.nextSequence - 1);
  }

  #write(event: AguiEvent, bytes: Uint8Array | undefined): void {
    try {
      const encoded = bytes ?? (isShortDelta(event) ? undefined : encodeEvent(event));
      const size = encoded?.length ?? 0;
      if (size <= this.#limits.eventMaxBytes) {
        this.#writer.push(event, encoded);
        return;
      }
      const { eventMaxBytes } = this.#limits;
      this.refuse(
        runErrorCodes.limit,
        `An event of type ${event.type} has ${size} bytes, more than ${eventMaxBytes} (eventMaxBytes).`,
      );
    } catch (error) {
      const why = error instanceof Error ? error.message : "it cannot be encoded";
      this.refuse(runErrorCodes.unstorable, `An event of type ${event.type} cannot be kept: ${why}`);
    }
  }

  #writeAsItIs(event: AguiEvent, bytes: Uint8Array | undefined): void {
    if (bytes !== undefined || hasBinaryForm(event)) this.#writer.push(event, bytes);
    else this.#writer.pushJson(JSON.stringify(event) ?? "null");
  }
}

function isPromised(input: LiveInput, { promised }: ActiveRun): boolean {
  if (input.type === "message") return promised.has(input.message.id);
  return input.type === "tool_result" && promised.has(input.toolCallId);
}

/** A delta that is far from any limit: four of five events, encoded straight into the batch. */
function isShortDelta(event: AguiEvent): boolean {
  switch (event.type) {
    case "TEXT_MESSAGE_CONTENT":
    case "TOOL_CALL_ARGS":
    case "REASONING_MESSAGE_CONTENT":
      return event.delta.length <= 1024 && event.metadata === undefined && event.rawEvent === undefined;
    default:
      return false;
  }
}

/** Ends a run that takes too long or says nothing for too long. */
function armTimers(execution: Execution, limits: EngineLimits): { stop(): void } {
  let seen = execution.activity;
  const stopWith = (name: "runTimeoutMs" | "runIdleTimeoutMs", what: string) => {
    execution.stop(runErrorCodes.limit, `${what} ${limits[name]} ms (${name}).`);
  };
  const whole = setTimeout(() => stopWith("runTimeoutMs", "The run took longer than"), limits.runTimeoutMs);
  const idle = setInterval(() => {
    if (execution.activity === seen && !execution.isPaused && !execution.pipeline.held)
      stopWith("runIdleTimeoutMs", "The agent said nothing for");
    seen = execution.activity;
  }, limits.runIdleTimeoutMs);
  whole.unref();
  idle.unref();
  return {
    stop() {
      clearTimeout(whole);
      clearInterval(idle);
    },
  };
}
