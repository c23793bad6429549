import { type ChatStatus, type ChatWatch, sameStatus } from "@dragoman/engine";

/** A status, and the last event there was then. */
interface Noted {
  readonly status: ChatStatus;
  readonly headSequence: number;
}

/**
 * The statuses of a chat as one reader is told of them: each once the events that led to it were sent, so that a
 * reader who is behind is not told that all is over before the end. Between the next one and the latest, those that
 * such a reader missed are left out.
 */
export class DueStatuses {
  readonly #watch: Pick<ChatWatch, "status" | "headSequence">;
  /** The next one, and the latest. */
  #waiting: readonly Noted[] = [];
  #told: ChatStatus | undefined;

  constructor(watch: Pick<ChatWatch, "status" | "headSequence">) {
    this.#watch = watch;
  }

  /** Notes where the chat stands now. */
  note(): void {
    const { status, headSequence } = this.#watch;
    const before = this.#waiting.at(-1)?.status ?? this.#told;
    if (before && sameStatus(before, status)) return;
    this.#waiting = [...this.#waiting.slice(0, 1), { status, headSequence }];
  }

  /** Those that are to be told where the events up to a place were sent. */
  *upTo(sequence: number): Generator<ChatStatus> {
    for (let [next] = this.#waiting; next && next.headSequence <= sequence; [next] = this.#waiting) {
      this.#waiting = this.#waiting.slice(1);
      if (this.#told && sameStatus(this.#told, next.status)) continue;
      this.#told = next.status;
      yield next.status;
    }
  }
}
