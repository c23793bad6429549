import type { EventStream } from "./event-stream.ts";

/** A place in a log. */
export interface Cursor {
  /** Everything up to here was delivered. */
  readonly afterSequence: number;
  /** The log. Empty: not checked. */
  readonly logId: string;
}

/** What a resuming stream reads. */
export interface StreamPlan {
  /**
   * Attaches after the cursor; without one, from where the caller wants to begin. `runId` is the last run that
   * the events named, if any did.
   */
  open(cursor: Cursor | undefined, signal: AbortSignal, runId: string | undefined): EventStream;
  /** Whether the stream is that of one run, over with its terminal event. Else it is over when it ends with OK. */
  readonly isRun: boolean;
  /** Whether it begins with a prelude, delivered as a whole or not at all. */
  readonly hasPrelude: boolean;
  /** Where the caller is already. */
  readonly cursor: Cursor | undefined;
}
