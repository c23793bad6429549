import type { EventBatch } from "@dragoman/agui";
import type { LogKey } from "@dragoman/event-log";
import type { InterruptInfo, RunInfo, SessionInfo } from "./entries.ts";

/** The run that the first event of a batch belongs to, unless it begins one itself. */
export interface EventSource {
  /** Empty where no run came before. */
  readonly runId: string;
  /** The agent of the session's last run. */
  readonly agentId: string;
  /** Whether all of the batch is of that run, whatever its events say: they were not checked. */
  readonly isUnverified?: boolean;
}

/** Takes what became durable, over all sessions of an engine. Nothing here may wait or throw. */
export interface HubListener {
  /** Events were appended. */
  onEvents?(key: LogKey, batch: EventBatch, source: EventSource): void;
  /** A run was queued, began or ended. */
  onRun?(run: RunInfo): void;
  /** The agent of a run is held back, or goes on. */
  onPause?(run: RunInfo): void;
  /** An interrupt was opened or decided. */
  onInterrupt?(interrupt: InterruptInfo): void;
  /** A session was made, ended or expired. */
  onSession?(session: SessionInfo): void;
}

/** Tells whoever asked what became durable, after the fact: what readers of many sessions wait for. */
export class Hub {
  readonly #listeners = new Set<HubListener>();

  /** Adds a listener; returns what takes it away again. */
  subscribe(listener: HubListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  events(key: LogKey, batch: EventBatch, source: EventSource): void {
    for (const listener of this.#listeners) listener.onEvents?.(key, batch, source);
  }

  run(run: RunInfo): void {
    for (const listener of this.#listeners) listener.onRun?.(run);
  }

  pause(run: RunInfo): void {
    for (const listener of this.#listeners) listener.onPause?.(run);
  }

  interrupts(interrupts: readonly InterruptInfo[]): void {
    for (const interrupt of interrupts)
      for (const listener of this.#listeners) listener.onInterrupt?.(interrupt);
  }

  session(session: SessionInfo): void {
    for (const listener of this.#listeners) listener.onSession?.(session);
  }
}
