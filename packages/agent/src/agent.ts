import type { AgentCapabilities, AguiEvent, RunAgentInput } from "@dragoman/agui";
import type { LiveInputSource } from "./live-inputs.ts";
import type { Spawn } from "./spawn.ts";

/** An event with the bytes it came in, so that a host need not encode it again and loses no unknown field. */
export interface EncodedEvent {
  readonly event: AguiEvent;
  /** The `agui.v1.Event` message. */
  readonly bytes: Uint8Array;
}

/** What an agent may yield. */
export type AgentOutput = AguiEvent | EncodedEvent;

/** What a run is given besides its input. */
export interface RunContext {
  /** Aborts when the run is cancelled or its host shuts down. Stop soon; what is yielded after it is dropped. */
  readonly signal: AbortSignal;
  /** The id the agent is registered under. */
  readonly agentId: string;
  /**
   * What is said to the agent while it works, where the host can. An agent that iterates it is live: from then
   * on messages, tool results, answers and state changes reach it in its run. It ends with the run. Who does
   * not iterate it gets the same things with the runs that follow. Iterate it once, and from the beginning: what
   * comes before is not for this run.
   */
  readonly inputs?: LiveInputSource;
  /**
   * Gives a task to another agent of the host, where the host can. The sub-agent runs in a session of its own, the
   * run shows it to its readers, and it is cancelled when the run ends.
   */
  readonly spawn?: Spawn;
  /** How many servers the run came through to be here. Agents of other servers pass it on; see `hopsMax`. */
  readonly hops?: number;
}

/**
 * An agent: whatever turns an input into AG-UI events.
 *
 * It need not be careful: the host writes RUN_STARTED, expands chunks, checks the order of events,
 * closes what is left open and writes the terminal event if the agent forgets it. Throwing ends the
 * run with RUN_ERROR.
 */
export interface Agent {
  /** What it is for, in a sentence. */
  readonly description?: string;
  /** The kind of adapter, such as `demo` or `llm`; `custom` if absent. */
  readonly kind?: string;
  /** Whether it iterates `context.inputs`: it can be talked to while it works. */
  readonly live?: boolean;
  /** Set by test agents only: events are delivered exactly as they are, nothing is checked, added or dropped. */
  readonly unverified?: boolean;
  /** What it can do. Asked when a client asks; a rejection is shown as no capabilities. */
  capabilities?(signal: AbortSignal): Promise<AgentCapabilities> | AgentCapabilities;
  /** Runs once. The iterable is read at the host's pace: an agent that floods is slowed down. */
  run(input: RunAgentInput, context: RunContext): AsyncIterable<AgentOutput>;
}
