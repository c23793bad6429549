import { setTimeout } from "node:timers/promises";
import { createEventBuilder, type EventBuilder, type RunAgentInput } from "@dragoman/agui";

/** What a scene plays on: the run's input, and all that is not determined by it. */
export interface Stage {
  readonly input: RunAgentInput;
  /** Writes the events; a subagent plays on a stage with a builder of its own. */
  readonly events: EventBuilder;
  /** The pause between two words, in milliseconds. */
  readonly paceMs: number;
  now(): Date;
  /** Waits, `paceMs` if nothing else is said. Throws the signal's reason when the run is cancelled. */
  pause(durationMs?: number): Promise<void>;
}

/** What a stage is made of. */
export interface StageOptions {
  readonly paceMs: number;
  readonly newId: () => string;
  readonly now: () => Date;
}

/** Makes the stage of one run. */
export function createStage(input: RunAgentInput, options: StageOptions, signal: AbortSignal): Stage {
  const { paceMs, newId, now } = options;
  const { threadId, runId } = input;
  return {
    input,
    events: createEventBuilder({ threadId, runId, newId }),
    paceMs,
    now,
    async pause(durationMs = paceMs) {
      signal.throwIfAborted();
      if (durationMs > 0) await setTimeout(durationMs, undefined, { signal });
    },
  };
}
