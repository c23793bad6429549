import type { AguiEvent, Message } from "@dragoman/agui";
import type { SessionFold } from "./fold.ts";

/** What a reader that holds nothing is given before the tail: see design "attach modes". */
export interface Prelude {
  /** Events that rebuild what a reader would hold, in an order that AG-UI's clients accept. */
  readonly events: readonly AguiEvent[];
  /** The sequence that they stand for. The tail follows after it. */
  readonly sequence: number;
}

/**
 * Returns RUN_STARTED, MESSAGES_SNAPSHOT, STATE_SNAPSHOT, the openers of all that is open and, where the
 * last run has ended, its terminal event. Empty while the session had no run.
 */
export function preludeOf(fold: SessionFold): Prelude {
  const started = fold.lastStarted;
  if (started === undefined) return { events: [], sequence: fold.sequence };
  const { input: _input, ...runStarted } = started;
  const messages = structuredClone(fold.messages) as Message[];
  const events: AguiEvent[] = [
    runStarted,
    { type: "MESSAGES_SNAPSHOT", messages },
    { type: "STATE_SNAPSHOT", snapshot: structuredClone(fold.state ?? {}) },
  ];
  if (fold.lastTerminal) events.push(fold.lastTerminal);
  else events.push(...fold.openers());
  return { events, sequence: fold.sequence };
}
