import type { LogKey } from "@dragoman/event-log";
import type { SessionInfo } from "./entries.ts";
import { type EngineError, sessionNotFound } from "./errors.ts";
import { Session, type SessionEnvironment } from "./session.ts";

interface Entry {
  opening: Promise<Session | undefined>;
  /** How many tasks hold it, counted before it is even open. */
  holds: number;
}

type HoldArguments<T> = [
  key: LogKey,
  info: (() => SessionInfo) | undefined,
  task: (session: Session | undefined) => Promise<T> | T,
];

/**
 * The sessions of an engine that are in memory; others are opened when somebody asks for them.
 *
 * There is never more than one object for a session: two would fence each other.
 */
export class Sessions {
  readonly #environment: SessionEnvironment;
  readonly #entries = new Map<string, Entry>();
  /** Sessions that nobody may use now, and what is said to those who try. */
  readonly #barred = new Map<string, EngineError>();

  constructor(environment: SessionEnvironment) {
    this.#environment = environment;
  }

  /** Uses a session for the time of a task. Rejects with SESSION_NOT_FOUND. */
  async use<T>(key: LogKey, task: (session: Session) => Promise<T> | T): Promise<T> {
    return this.#hold(key, undefined, (session) => {
      if (!session) throw sessionNotFound(key.id);
      return task(session);
    });
  }

  /** Like {@link use}, but makes the session if there is none. */
  async useOrCreate<T>(
    key: LogKey,
    info: () => SessionInfo,
    task: (session: Session) => Promise<T> | T,
  ): Promise<T> {
    return this.#hold(key, info, (session) => {
      if (!session) throw sessionNotFound(key.id);
      return task(session);
    });
  }

  /** Whether a session exists. */
  exists(key: LogKey): Promise<boolean> {
    return this.#hold(key, undefined, (session) => session !== undefined);
  }

  /** Refuses every use of a session with an error. */
  bar(key: LogKey, error: EngineError): void {
    this.#barred.set(idOf(key), error);
  }

  /** Lets a session be used again. */
  unbar(key: LogKey): void {
    this.#barred.delete(idOf(key));
  }

  /** Uses a session that is barred, to make it fit for use. Rejects with SESSION_NOT_FOUND. */
  useBarred<T>(key: LogKey, task: (session: Session) => Promise<T>): Promise<T> {
    return this.#holdAnyway(key, undefined, (session) => {
      if (!session) throw sessionNotFound(key.id);
      return task(session);
    });
  }

  /** The sessions that are in memory. */
  async loaded(): Promise<Session[]> {
    const all = await Promise.all(
      [...this.#entries.values()].map((entry) => entry.opening.catch(() => undefined)),
    );
    return all.filter((session) => session !== undefined);
  }

  async #hold<T>(...[key, info, task]: HoldArguments<T>): Promise<T> {
    const refusal = this.#barred.get(idOf(key));
    if (refusal) throw refusal;
    return this.#holdAnyway(key, info, task);
  }

  async #holdAnyway<T>(...[key, info, task]: HoldArguments<T>): Promise<T> {
    const id = idOf(key);
    const entry = this.#entryOf(id, key);
    entry.holds++;
    try {
      let session = await entry.opening;
      if (!session && info) {
        entry.opening = entry.opening.then(
          (found) => found ?? Session.create(this.#environment, key, info()),
        );
        session = await entry.opening;
      }
      return await task(session);
    } finally {
      entry.holds--;
      await this.#release(id, entry);
    }
  }

  #entryOf(id: string, key: LogKey): Entry {
    const existing = this.#entries.get(id);
    const entry = existing ?? { opening: Session.load(this.#environment, key), holds: 0 };
    if (existing) this.#entries.delete(id); // moves to the end: the longest unused is forgotten first
    this.#entries.set(id, entry);
    return entry;
  }

  async #release(id: string, entry: Entry): Promise<void> {
    const session = await entry.opening.catch(() => undefined);
    if (!session || session.isNew) this.#forgetIfUnused(id, entry, session);
    if (this.#entries.size <= this.#environment.limits.idleSessionsMax) return;
    for (const [otherId, other] of this.#entries) {
      const unused = await other.opening.catch(() => undefined);
      if (this.#forgetIfUnused(otherId, other, unused)) return;
      if (this.#entries.size <= this.#environment.limits.idleSessionsMax) return;
    }
  }

  #forgetIfUnused(id: string, entry: Entry, session: Session | undefined): boolean {
    if (entry.holds > 0 || this.#entries.get(id) !== entry) return false;
    if (session && (session.users > 0 || !session.isIdle)) return false;
    this.#entries.delete(id);
    return true;
  }
}

function idOf(key: LogKey): string {
  return JSON.stringify([key.namespace, key.id]);
}
