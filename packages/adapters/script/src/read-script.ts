import { AgentError } from "@dragoman/agent";
import type { Json } from "@dragoman/agui";

/** The longest pause between two events that a script may ask for, in milliseconds: one minute. */
export const maxDelayMs = 60_000;

/** What a script agent plays. */
export interface Script {
  /** The events in order, whatever JSON they are. */
  readonly events: readonly unknown[];
  /** The pause before every event but the first, in milliseconds. */
  readonly delayMs: number;
}

/** `forwardedProps` holds no script that can be played. The message says what was found and what belongs there. */
export class ScriptError extends AgentError {
  override readonly name = "ScriptError";

  constructor(message: string) {
    super("SCRIPT_INVALID", message);
  }
}

/** Reads the script out of a run's `forwardedProps`. Throws `ScriptError`. */
export function readScript(forwardedProps: Json): Script {
  if (!isObject(forwardedProps)) {
    throw new ScriptError(`forwardedProps must be an object with "script", it is ${kindOf(forwardedProps)}`);
  }
  const { script, delayMs = 0 } = forwardedProps;
  if (!Array.isArray(script)) {
    throw new ScriptError(`forwardedProps.script must be an array of AG-UI events, it is ${kindOf(script)}`);
  }
  if (typeof delayMs !== "number" || !(delayMs >= 0 && delayMs <= maxDelayMs)) {
    throw new ScriptError(`forwardedProps.delayMs must be a number from 0 to ${maxDelayMs}`);
  }
  return { events: script, delayMs };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === undefined) return "absent";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
