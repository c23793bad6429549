import type { LogKey } from "@dragoman/event-log";
import type { ActiveRun } from "../active-run.ts";
import type { Hub } from "../hub.ts";
import type { Session } from "../session.ts";
import { type ChatStatus, chatStatusOf } from "./chat-status.ts";

/** Tells when the status of one session may have changed. Close it when done. */
export class ChatWatch {
  readonly #session: Session;
  readonly #watches: ChatWatches;
  /** The run that this keeps from counting as abandoned: somebody is there to read it. */
  #attached: ActiveRun | undefined;
  #isChanged = false;
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(session: Session, watches: ChatWatches) {
    this.#session = session;
    this.#watches = watches;
    session.users++;
    watches.add(session.key, this.#onChange);
    this.#attachTo(session.active);
  }

  /** Where the chat stands now. */
  get status(): ChatStatus {
    return chatStatusOf(this.#session);
  }

  /** The sequence of the last event. */
  get headSequence(): number {
    return this.#session.headSequence;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether nothing runs or waits. */
  get isIdle(): boolean {
    return this.#session.isIdle;
  }

  /** Resolves when the status may have changed since the last call, or the watch is closed. */
  async changed(): Promise<void> {
    if (!this.#isChanged && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#isChanged = false;
  }

  /** Releases what it holds. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#attachTo(undefined);
    this.#session.users--;
    this.#watches.remove(this.#session.key, this.#onChange);
    this.#onChange();
  }

  #attachTo(run: ActiveRun | undefined): void {
    if (run === this.#attached) return;
    this.#attached?.detach();
    run?.attach();
    this.#attached = run;
  }

  readonly #onChange = (): void => {
    this.#isChanged = true;
    if (!this.#isClosed) this.#attachTo(this.#session.active);
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  };
}

/** The watches of all sessions of an engine, behind one listener of its hub. */
export class ChatWatches {
  readonly #wakes = new Map<string, Set<() => void>>();

  constructor(hub: Hub) {
    const wake = (namespace: string, sessionId: string) => {
      for (const one of this.#wakes.get(idOf({ namespace, id: sessionId })) ?? []) one();
    };
    hub.subscribe({
      onRun: ({ namespace, sessionId }) => wake(namespace, sessionId),
      onPause: ({ namespace, sessionId }) => wake(namespace, sessionId),
      onInterrupt: ({ namespace, sessionId }) => wake(namespace, sessionId),
      onSession: ({ namespace, sessionId }) => wake(namespace, sessionId),
    });
  }

  add(key: LogKey, wake: () => void): void {
    const id = idOf(key);
    const wakes = this.#wakes.get(id) ?? new Set();
    this.#wakes.set(id, wakes.add(wake));
  }

  remove(key: LogKey, wake: () => void): void {
    const id = idOf(key);
    const wakes = this.#wakes.get(id);
    wakes?.delete(wake);
    if (wakes?.size === 0) this.#wakes.delete(id);
  }
}

function idOf({ namespace, id }: LogKey): string {
  return JSON.stringify([namespace, id]);
}
