import { EngineError } from "../errors.ts";
import { IdleWait } from "../idle-wait.ts";
import type { Session } from "../session.ts";

/** Where a watch begins, and when it ends. */
export interface StateWatchOptions {
  /** The revision that the caller holds: it is told of the next change only. */
  readonly afterRevision?: number;
  /** The log that it is a place in; empty if unknown. */
  readonly logId?: string;
  /** How long a silence may last before {@link StateWatch.next} answers `idle`. */
  readonly idleMs: number;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/** A state after a change, a silence that deserves a heartbeat, or the end of the session. */
export type StateWatchResult = { readonly state: unknown; readonly revision: number } | "idle" | "end";

/**
 * Watches the state of one session. It holds no queue: who is slow gets the state as it is by then.
 */
export class StateWatch {
  readonly #session: Session;
  readonly #options: StateWatchOptions;
  /** The revision that was given last; undefined before the first. */
  #revision: number | undefined;
  #isClosed = false;
  readonly #idle = new IdleWait();

  /** Throws CURSOR_AHEAD or CURSOR_OF_ANOTHER_LOG where `afterRevision` is no place in this log. */
  constructor(session: Session, options: StateWatchOptions) {
    this.#session = session;
    this.#options = options;
    session.assertRoomForReader();
    const { afterRevision, logId = "" } = options;
    if (afterRevision !== undefined) {
      // A revision before what is kept is fine: the watch begins with the whole state.
      session.checkCursor(Math.max(afterRevision, session.firstSequence - 1), logId);
      if (afterRevision > session.fold.stateRevision) throw notARevision(session, afterRevision);
      if (afterRevision === session.fold.stateRevision) this.#revision = afterRevision;
    }
    session.users++;
    options.signal.addEventListener("abort", this.#idle.wake);
  }

  get logId(): string {
    return this.#session.logId;
  }

  /** The revision of the state now. */
  get revision(): number {
    return this.#session.fold.stateRevision;
  }

  /** The state as it is now. */
  get state(): unknown {
    return this.#session.fold.state;
  }

  /** Waits for the next change. Throws the signal's reason when it aborts. */
  async next(): Promise<StateWatchResult> {
    for (;;) {
      this.#options.signal.throwIfAborted();
      const { stateRevision: revision, state } = this.#session.fold;
      if (revision !== this.#revision) {
        this.#revision = revision;
        return { state, revision };
      }
      if (this.#session.failure) throw this.#session.failure;
      if (this.#session.isOver && (await this.#isAllSaid())) return "end";
      if (!this.#session.isOver && (await this.#wait())) return "idle";
    }
  }

  /** Releases what it holds. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.signal.removeEventListener("abort", this.#idle.wake);
    this.#session.waiting.delete(this.#idle.wake);
    this.#session.users--;
  }

  /** What a session ends with may still be on its way to the log. */
  async #isAllSaid(): Promise<boolean> {
    await this.#session.mutex.run(async () => {});
    return this.#session.isOver && this.#session.fold.stateRevision === this.#revision;
  }

  /** Waits for whatever is appended next; true if nothing came for a while. */
  async #wait(): Promise<boolean> {
    const { waiting } = this.#session;
    waiting.add(this.#idle.wake);
    const isIdle = await this.#idle.wait(this.#options.idleMs);
    waiting.delete(this.#idle.wake);
    return isIdle;
  }
}

function notARevision(session: Session, afterRevision: number): EngineError {
  const { logId, headSequence } = session;
  const { stateRevision } = session.fold;
  return new EngineError(
    "CURSOR_AHEAD",
    `the state is at revision ${stateRevision}, before ${afterRevision}: leave after_revision out to start again`,
    { log_id: logId, head_sequence: String(headSequence) },
  );
}
