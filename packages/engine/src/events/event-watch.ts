import { decodeEvent, type EventBatch, readFrames } from "@dragoman/agui";
import type { LogKey } from "@dragoman/event-log";
import type { EngineCore } from "../core.ts";
import type { EventSource } from "../hub.ts";
import { IdleWait } from "../idle-wait.ts";
import { type EventFilter, type EventMatcher, matcherOf, type SessionEvent } from "./event-filter.ts";

/** What a watcher of events asks for. */
export interface EventWatchOptions {
  readonly namespace: string;
  readonly filter: EventFilter;
  /** How long a silence may last before {@link EventWatch.next} answers `idle`. */
  readonly idleMs: number;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/** Events that happened, a number of events that were left out before them, or a silence. */
export type EventWatchResult =
  | { readonly events: readonly SessionEvent[]; readonly skippedCount: number }
  | "idle";

interface Waiting {
  /** How many events were left out between this and what waits before it. */
  readonly skippedCount: number;
  readonly key: LogKey;
  readonly batch: EventBatch;
  readonly source: EventSource;
  readonly time: number;
}

/**
 * Watches the events of many sessions as they happen.
 *
 * What waits to be read is limited to `watchPendingMaxBytes`; what does not fit is left out and counted. Nothing
 * is decoded before it is read, so that a watcher costs the sessions next to nothing.
 */
export class EventWatch {
  readonly #core: EngineCore;
  readonly #options: EventWatchOptions;
  readonly #matcher: EventMatcher;
  readonly #unsubscribe: () => void;
  #waiting: Waiting[] = [];
  #pendingBytes = 0;
  /** How many events were left out after what waits. */
  #skippedCount = 0;
  readonly #idle = new IdleWait();

  constructor(core: EngineCore, options: EventWatchOptions) {
    this.#core = core;
    this.#options = options;
    this.#matcher = matcherOf(options.filter);
    this.#unsubscribe = core.hub.subscribe({
      onEvents: (key, batch, source) => this.#take(key, batch, source),
    });
    options.signal.addEventListener("abort", this.#idle.wake);
  }

  /** Waits for what comes next. Throws the signal's reason when it aborts. */
  async next(): Promise<EventWatchResult> {
    for (;;) {
      this.#options.signal.throwIfAborted();
      const result = this.#read();
      if (result) return result;
      if (await this.#idle.wait(this.#options.idleMs)) return "idle";
    }
  }

  /** Releases what it holds. */
  close(): void {
    this.#unsubscribe();
    this.#options.signal.removeEventListener("abort", this.#idle.wake);
    this.#waiting = [];
  }

  #take(key: LogKey, batch: EventBatch, source: EventSource): void {
    if (key.namespace !== this.#options.namespace || !this.#matcher.session(key.id)) return;
    const size = batch.frames.length;
    if (this.#waiting.length > 0 && this.#pendingBytes + size > this.#core.limits.watchPendingMaxBytes) {
      this.#skippedCount += batch.lastSequence - batch.firstSequence + 1;
      return;
    }
    const time = this.#core.now();
    this.#waiting.push({ skippedCount: this.#skippedCount, key, batch, source, time });
    this.#skippedCount = 0;
    this.#pendingBytes += size;
    this.#idle.wake();
  }

  /** The events of the batch that waits longest and has any, and what was left out before it; or after all. */
  #read(): Exclude<EventWatchResult, "idle"> | undefined {
    let skippedCount = 0;
    for (let waiting = this.#waiting.shift(); waiting; waiting = this.#waiting.shift()) {
      this.#pendingBytes -= waiting.batch.frames.length;
      skippedCount += waiting.skippedCount;
      const events = this.#eventsOf(waiting);
      if (events.length > 0) return { events, skippedCount };
    }
    skippedCount += this.#skippedCount;
    this.#skippedCount = 0;
    return skippedCount > 0 ? { events: [], skippedCount } : undefined;
  }

  #eventsOf({ key, batch, source, time }: Waiting): SessionEvent[] {
    const { agentId } = source;
    const { logId } = batch;
    const events: SessionEvent[] = [];
    let { runId } = source;
    readFrames(batch.frames, ({ sequence, start, end, json }) => {
      if (json) return;
      const event = decodeEvent(batch.frames, start, end);
      if (event.type === "RUN_STARTED" && !source.isUnverified) runId = event.runId;
      if (!this.#matcher.type(event.type) || !this.#matcher.run(runId, agentId)) return;
      const bytes = batch.frames.subarray(start, end);
      events.push({ sessionId: key.id, runId, agentId, sequence, logId, time, event, bytes });
    });
    return events;
  }
}
