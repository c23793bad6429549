import { encodeEvent, type Json } from "@dragoman/agui";

/** What a change may add to the lengths of all that contains it. */
const lengthsMaxBytes = 512;

/**
 * Knows whether a state fits into one event, without encoding it at every change: what was written since bounds
 * what it grew by. A state that fits into none can be shown to nobody who comes later.
 */
export class StateSize {
  readonly #maxBytes: number;
  #bound: number | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The state was changed by somebody else, or by more than what was written. */
  forget(): void {
    this.#bound = undefined;
  }

  /**
   * Returns how many bytes a state has after a change, if that is more than there may be and more than before.
   *
   * @param changeBytes the size of the event that changes it
   */
  excess(state: unknown, before: unknown, changeBytes: number): number | undefined {
    if (this.#bound !== undefined) {
      this.#bound += changeBytes + lengthsMaxBytes;
      if (this.#bound <= this.#maxBytes) return undefined;
    }
    const bytes = bytesOf(state);
    this.#bound = bytes;
    return bytes > this.#maxBytes && bytes > bytesOf(before) ? bytes : undefined;
  }
}

function bytesOf(state: unknown): number {
  return encodeEvent({ type: "STATE_SNAPSHOT", snapshot: state as Json }).length;
}
