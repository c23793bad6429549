import { sameJson } from "./fingerprint.ts";

/** What the state of an input means for the state of a session. */
export interface ReconciledState {
  /** The state that the run begins with. */
  readonly state: unknown;
  /** Whether the input changed what the session had. */
  readonly edited: boolean;
  /** Whether readers need a STATE_SNAPSHOT: the result differs from what was sent or from what was stored. */
  readonly snapshot: boolean;
}

/**
 * Meets the state that a client sent with the one that the session has.
 *
 * Absent, `{}`, or equal to the state at the end of the last agent run (an echo): the session's state.
 * Anything else is an edit and replaces it.
 */
export function reconcileState(stored: unknown, echo: unknown, sent: unknown): ReconciledState {
  const absent = sent === undefined || sent === null;
  const says = absent ? {} : sent;
  const isEcho = absent || sameJson(says, {}) || sameJson(says, echo);
  const state = isEcho ? stored : says;
  const edited = !isEcho && !sameJson(stored, says);
  return { state, edited, snapshot: !sameJson(state, says) || !sameJson(state, stored) };
}
