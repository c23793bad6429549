import { setImmediate, setTimeout } from "node:timers/promises";
import type { Agent } from "@dragoman/agent";
import type { AguiEvent, Json } from "@dragoman/agui";
import { readScript } from "./read-script.ts";

/** How many events are yielded in a row before the event loop gets its turn, when there is no delay. */
const eventsPerTurn = 256;

/** What `createAgent` takes. Set by the program that registers the agent. */
export interface ScriptOptions {
  /**
   * Whether the events reach the client exactly as the script has them: nothing checked, added or dropped.
   * Default false: the host verifies them as it does any agent's.
   */
  readonly unverified?: boolean;
}

/**
 * Makes the agent that emits the events in `forwardedProps.script`, with `forwardedProps.delayMs` (0 to 60000,
 * default 0) between them. For tests only: any client may put any event into the stream.
 *
 * A run without a usable script throws `ScriptError`. A cancelled run stops before its next event.
 */
export function createAgent(options: ScriptOptions = {}): Agent {
  const unverified = options.unverified ?? false;
  return {
    kind: "script",
    description: unverified
      ? "Emits the events in forwardedProps.script exactly as they are. For tests."
      : "Emits the events in forwardedProps.script, checked like any agent's. For tests.",
    unverified,
    capabilities: () => ({ transport: { streaming: true } }),
    run: (input, context) => play(input.forwardedProps, context.signal),
  };
}

async function* play(forwardedProps: Json, signal: AbortSignal): AsyncGenerator<AguiEvent, void> {
  const { events, delayMs } = readScript(forwardedProps);
  for (let index = 0; index < events.length; index++) {
    if (index > 0 && delayMs > 0) await pause(delayMs, signal);
    else if (index % eventsPerTurn === eventsPerTurn - 1) await setImmediate();
    if (signal.aborted) return;
    // A script may hold any JSON on purpose; the host reads it with the same care as what comes from a network.
    yield events[index] as AguiEvent;
  }
}

/** Ends early, without throwing, when the run is cancelled. */
async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  await setTimeout(delayMs, undefined, { signal }).catch(() => {});
}
