import type { LiveInputs } from "@dragoman/agent";
import type { AguiEvent } from "@dragoman/agui";
import type { RunState } from "./run-state.ts";
import type { RunCalls } from "./tools/run-calls.ts";

/**
 * What others may do to a run while its agent works. It is there from when the agent is called until its
 * terminal event is taken.
 */
export interface RunPort {
  /** What is said to the agent; it is live if it reads them. */
  readonly inputs: LiveInputs;
  /** The shared state as of what is written, durable or not. */
  readonly state: RunState;
  /** The tool calls of the agent, as of what is written. */
  readonly calls: RunCalls;
  /** Whether the agent is held back. */
  readonly isPaused: boolean;
  /**
   * Appends events to the run, all or none, and returns the sequence of the last one. They are durable when
   * {@link Session.flush} resolves.
   *
   * @throws {EngineError} INVALID_INPUT or LIMIT_REACHED for an event that cannot be kept
   * @throws {ViolationError} for one that is out of order
   */
  inject(events: readonly AguiEvent[]): number;
  /** Whether the run shows, or showed, a sub-agent of that id. */
  hasSubagent(subagentRunId: string): boolean;
  /** Holds the agent back, or lets it go on. A pause ends by itself after `pauseTimeoutMs`. */
  setPaused(isPaused: boolean): void;
}
