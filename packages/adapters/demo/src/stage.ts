import { setTimeout } from "node:timers/promises";
import type { LiveInputSource, RunContext } from "@dragoman/agent";
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
  /** Waits until something happens, but not longer. Throws the signal's reason when the run is cancelled. */
  pauseUntil(happens: Promise<void>, durationMs: number): Promise<void>;
  /** What is said while the scene plays; undefined where nobody can. */
  readonly inputs?: LiveInputSource;
}

/** What a stage is made of. */
export interface StageOptions {
  readonly paceMs: number;
  readonly newId: () => string;
  readonly now: () => Date;
}

/** Makes the stage of one run. */
export function createStage(
  input: RunAgentInput,
  options: StageOptions,
  { signal, inputs }: Pick<RunContext, "signal" | "inputs">,
): Stage {
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
    async pauseUntil(happens, durationMs) {
      signal.throwIfAborted();
      if (durationMs === 0) return;
      const over = new AbortController();
      const timer = setTimeout(durationMs, undefined, { signal: AbortSignal.any([signal, over.signal]) });
      try {
        await Promise.race([happens, timer]);
      } finally {
        over.abort();
      }
      signal.throwIfAborted();
    },
    ...(inputs && { inputs }),
  };
}
