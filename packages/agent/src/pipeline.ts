import {
  type AguiEvent,
  createExpander,
  createUpgrader,
  createVerifier,
  type Expander,
  encodeEvent,
  InvalidEventError,
  type RunErrorEvent,
  type RunFinishedEvent,
  type Upgrader,
  type Verifier,
  ViolationError,
} from "@dragoman/agui";
import type { AgentOutput } from "./agent.ts";
import { DeltaGuard, isDeltaEnd } from "./delta-guard.ts";
import { runErrorCodes } from "./errors.ts";
import { OpenPipeline } from "./open-pipeline.ts";
import { readOutput } from "./read-output.ts";
import { runError, runErrorOf } from "./run-error.ts";

/** Something that was repaired or left out; the run goes on. */
export interface PipelineWarning {
  /** A stable name in lower snake case: one of AG-UI's rules, or what the pipeline did. */
  readonly rule: string;
  /** What happened, for people. */
  readonly message: string;
}

export interface RunPipelineOptions {
  /** AG-UI's threadId of the run. The agent's own idea of it is overwritten. */
  readonly threadId: string;
  /** AG-UI's runId of the run. The agent's own idea of it is overwritten. */
  readonly runId: string;
  /**
   * Takes the events of the run in their order: what the log is to hold. `bytes` is the event as an
   * `agui.v1.Event` message, where it is at hand; it is missing for deltas, which are cheap to encode, and
   * for what the pipeline made itself. What it throws passes through the method that was called.
   */
  readonly emit: (event: AguiEvent, bytes: Uint8Array | undefined) => void;
  /** Whether the events are checked at all. False is for test agents: everything passes as it is. Default true. */
  readonly verify?: boolean;
  /** The verifier to use, for a host whose verifier knows what was before this run. Default a new one. */
  readonly verifier?: Verifier;
  /** Takes what was repaired or left out. Default: nobody. */
  readonly onWarning?: (warning: PipelineWarning) => void;
  /**
   * Asked before a RUN_FINISHED of the agent is taken that may be: true holds it back, so that the host can do what
   * the agent left to it and call it again in the same run. Default: never.
   */
  readonly hold?: (event: RunFinishedEvent) => boolean;
  /** Takes what came after the terminal event and was dropped. Default: nobody; it is counted anyway. */
  readonly onDropped?: (output: AgentOutput) => void;
  /** Gives what the host has to close that the agent knows nothing of, before RUN_FINISHED. Default: nothing. */
  readonly beforeFinish?: () => readonly AguiEvent[];
}

/**
 * Makes the events of an agent into a run that every AG-UI client accepts, whatever the agent does.
 *
 * Of everything that the agent emits it upgrades old dialects, drops unknown types and properties with a
 * warning, expands chunks, writes the run's own ids, keeps surrogate pairs together and checks the order. The
 * first RUN_FINISHED or RUN_ERROR ends the run; what comes later is dropped and counted. An event that cannot
 * be accepted ends the run too: what is open is closed, and RUN_ERROR says why.
 */
export interface RunPipeline {
  /**
   * Emits an event of the host's own: RUN_STARTED before anything else, so that it is there whatever the agent
   * does, and the snapshots that belong behind it. Does nothing where events are not checked.
   *
   * @throws {ViolationError} if the host's event is out of order.
   */
  inject(event: AguiEvent): void;
  /** Takes what the agent yielded. Never throws because of the agent. */
  push(output: AgentOutput): void;
  /** The agent is done. Without a terminal event the run ends in RUN_ERROR, MISSING_TERMINAL. */
  finish(): void;
  /** The agent threw, or cannot go on: the run ends in RUN_ERROR with the error's code and message. */
  fail(error: unknown): void;
  /** The run is cancelled: what is open is closed and RUN_FINISHED says so. */
  cancel(): void;
  /** The RUN_FINISHED that is held back. The host goes on with {@link goOn} or ends the run with {@link release}. */
  readonly held: RunFinishedEvent | undefined;
  /**
   * Forgets what is held back: the agent is called again, and its events go on in this run. It takes its call for a
   * run of that id, because whoever keeps runs takes the same id for the same run.
   */
  goOn(agentRunId: string): void;
  /** Ends the run with what is held back, or with another end in its place. */
  release(event?: RunFinishedEvent): void;
  /** Whether the terminal event was emitted. */
  readonly isEnded: boolean;
  /** How many outputs came after the terminal event. */
  readonly droppedCount: number;
}

/** Creates the pipeline of one run. */
export function createRunPipeline(options: RunPipelineOptions): RunPipeline {
  return options.verify === false ? new OpenPipeline(options) : new VerifiedPipeline(options);
}

class VerifiedPipeline implements RunPipeline {
  readonly #options: RunPipelineOptions;
  readonly #verifier: Verifier;
  readonly #upgrader: Upgrader = createUpgrader({
    onWarning: (message) => this.#warn("old_dialect", message),
  });
  readonly #expander: Expander = createExpander();
  readonly #guard = new DeltaGuard();
  /** The event that is in the expander, to tell it from what it is expanded to. */
  #current: AguiEvent | undefined;
  #currentBytes: Uint8Array | undefined;
  #hasInput = false;
  #mayHold = true;
  /** What the agent takes the run for. */
  #agentRunId: string | undefined;
  held: RunFinishedEvent | undefined;
  isEnded = false;
  droppedCount = 0;

  constructor(options: RunPipelineOptions) {
    this.#options = options;
    this.#verifier =
      options.verifier ?? createVerifier({ onWarning: (warning) => options.onWarning?.(warning) });
  }

  inject(event: AguiEvent): void {
    this.#release(event);
  }

  goOn(agentRunId: string): void {
    this.held = undefined;
    this.#agentRunId = agentRunId;
    this.#hasInput = false;
  }

  release(event = this.held): void {
    const { held } = this;
    if (held === undefined || event === undefined) return;
    this.held = undefined;
    this.#mayHold = false;
    this.#current = event;
    this.#currentBytes = event === held ? this.#currentBytes : undefined;
    this.#release(event);
  }

  push(output: AgentOutput): void {
    if (this.isEnded || this.held !== undefined) {
      this.droppedCount += 1;
      this.#options.onDropped?.(output);
      return;
    }
    try {
      this.#accept(output);
    } catch (error) {
      if (error instanceof ViolationError) {
        this.#end(runError(runErrorCodes.protocolViolation, `${error.rule}: ${error.message}`));
      } else if (error instanceof InvalidEventError) {
        this.#end(runError(runErrorCodes.invalidEvent, error.message));
      } else {
        throw error;
      }
    }
  }

  finish(): void {
    const message = "The agent stopped without RUN_FINISHED or RUN_ERROR.";
    this.#end(runError(runErrorCodes.missingTerminal, message));
  }

  fail(error: unknown): void {
    this.#end(runErrorOf(error));
  }

  cancel(): void {
    const { threadId, runId } = this.#options;
    this.#end({ type: "RUN_FINISHED", threadId, runId, outcome: { type: "cancelled" } });
  }

  #accept(output: AgentOutput): void {
    const isFirst = !this.#hasInput;
    const read = readOutput(output, this.#upgrader, this.#warn);
    if (read === undefined) return;
    this.#hasInput = true;
    const { event, bytes } = read;
    if (event.type === "RUN_STARTED" && isFirst) return;
    const owned = event.type === "RUN_FINISHED" ? this.#withoutTwins(this.#own(event)) : event;
    this.#expand(owned, owned === event ? bytes : encodeEvent(owned));
  }

  #expand(event: AguiEvent, bytes: Uint8Array | undefined): void {
    this.#current = event;
    this.#currentBytes = bytes;
    this.#expander.push(event, this.#release);
  }

  #own(event: RunFinishedEvent): RunFinishedEvent {
    const { threadId, runId } = this.#options;
    if (event.threadId === threadId && event.runId === runId) return event;
    if (event.threadId !== threadId || event.runId !== this.#agentRunId)
      this.#warn("foreign_run_id", `RUN_FINISHED named run '${event.runId}' of thread '${event.threadId}'.`);
    return { ...event, threadId, runId };
  }

  /** Interrupts are answered by their ids. Clients take two with one id, but only one answer can be kept. */
  #withoutTwins(event: RunFinishedEvent): RunFinishedEvent {
    if (event.outcome?.type !== "interrupt") return event;
    const ids = new Set<string>();
    const interrupts = event.outcome.interrupts.filter(({ id }) => {
      if (!ids.has(id)) return ids.add(id);
      this.#warn(
        "duplicate_interrupt",
        `RUN_FINISHED has several interrupts '${id}'; the first one is kept.`,
      );
      return false;
    });
    if (interrupts.length === event.outcome.interrupts.length) return event;
    return { ...event, outcome: { ...event.outcome, interrupts } };
  }

  /** Checks an expanded event and hands it out. A field, so that the expander can call it. */
  readonly #release = (event: AguiEvent): void => {
    if (event.type === "RUN_FINISHED" && this.#holds(event)) {
      this.held = event;
      return;
    }
    if (event.type === "RUN_FINISHED")
      for (const closer of this.#options.beforeFinish?.() ?? []) this.#release(closer);
    this.#verifier.push(event);
    const bytes = event === this.#current ? this.#currentBytes : undefined;
    switch (event.type) {
      case "TEXT_MESSAGE_CONTENT":
      case "TOOL_CALL_ARGS":
      case "REASONING_MESSAGE_CONTENT":
        if (this.#guard.isHolding || (bytes === undefined && !event.delta.isWellFormed())) {
          const passed = this.#guard.pass(event);
          if (passed !== undefined) this.#options.emit(passed, passed === event ? bytes : undefined);
          return;
        }
        break;
      case "RUN_FINISHED":
      case "RUN_ERROR":
        this.isEnded = true;
        break;
      default:
        if (this.#guard.isHolding && isDeltaEnd(event)) this.#flush(event);
    }
    this.#options.emit(event, bytes);
  };

  /** What cannot be taken as it is, because something is open, is not held back either. */
  #holds(event: RunFinishedEvent): boolean {
    if (!this.#mayHold || this.#options.hold?.(event) !== true) return false;
    const own = this.#options.beforeFinish?.() ?? [];
    return this.#verifier.closeOpen().length === own.length;
  }

  #flush(event: AguiEvent): void {
    const rest = isDeltaEnd(event) ? this.#guard.flush(event) : undefined;
    if (rest !== undefined) this.#options.emit(rest, undefined);
  }

  #end(terminal: RunErrorEvent | RunFinishedEvent): void {
    if (this.isEnded) return;
    this.held = undefined;
    this.#mayHold = false;
    for (const event of this.#verifier.closeOpen()) this.#release(event);
    this.#release(terminal);
  }

  readonly #warn = (rule: string, message: string): void => {
    this.#options.onWarning?.({ rule, message });
  };
}
