import type { EngineCore } from "../core.ts";
import { EngineError } from "../errors.ts";
import { EventWatch, type EventWatchOptions } from "./event-watch.ts";
import { type ReplayOptions, type ReplayPage, replayEvents } from "./replay-events.ts";

/** The events of many sessions: as they happen, and as they happened. */
export class SessionEvents {
  readonly #core: EngineCore;

  constructor(core: EngineCore) {
    this.#core = core;
  }

  /** Watches what happens from now on. Close the watch when done. */
  watch(options: EventWatchOptions): EventWatch {
    return new EventWatch(this.#core, options);
  }

  /** Reads what happened, at the caller's pace. Rejects with INVALID_PAGE_TOKEN, SESSION_NOT_FOUND, CURSOR_AHEAD. */
  async *replay(options: ReplayOptions): AsyncGenerator<ReplayPage> {
    await this.#checkPlace(options);
    yield* replayEvents(this.#core, options);
  }

  async #checkPlace({ namespace, filter, afterSequence }: ReplayOptions): Promise<void> {
    if (afterSequence === undefined) return;
    const [id, ...others] = new Set(filter.sessionIds);
    if (id === undefined || others.length > 0) {
      throw new EngineError(
        "INVALID_REQUEST",
        "after_sequence is a place in one session: name exactly one in the filter",
      );
    }
    const head = await this.#core.store.log.head({ namespace, id });
    if (!head || afterSequence <= head.headSequence) return;
    throw new EngineError(
      "CURSOR_AHEAD",
      `the cursor ${afterSequence} is ahead of the log, whose last event is ${head.headSequence}`,
      { log_id: head.logId, head_sequence: String(head.headSequence) },
    );
  }
}
