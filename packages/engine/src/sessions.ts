import type { LogKey } from "@dragoman/event-log";
import type { SessionInfo, SessionOptions } from "./entries.ts";
import { type EngineError, limitReached, sessionNotFound } from "./errors.ts";
import { Session, type SessionEnvironment } from "./session.ts";
import { storageError } from "./storage-error.ts";

/** What the sessions of an engine share, and what each is made with. */
export interface SessionsEnvironment extends SessionEnvironment {
  /** How sessions behave whose creator does not say. */
  readonly defaults: Pick<SessionOptions, "expireAfterMs" | "idleTimeoutMs">;
}

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
  readonly #environment: SessionsEnvironment;
  readonly #entries = new Map<string, Entry>();
  /** Sessions that nobody may use now, and what is said to those who try. */
  readonly #barred = new Map<string, EngineError>();
  #activeCount = 0;

  constructor(environment: SessionsEnvironment) {
    this.#environment = environment;
  }

  /** Counts sessions that were active before this object was there, or are over. */
  countActive(change: number): void {
    this.#activeCount += change;
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

  /**
   * Makes a session that nothing was written of what this caller wants: whoever made it before may have failed since.
   * Call it while holding the mutex.
   */
  renew(session: Session, info: () => SessionInfo): void {
    if (session.isNew) session.info = this.#withDefaults(info());
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

  /** A session, if it is in memory. */
  async peek(key: LogKey): Promise<Session | undefined> {
    const session = await this.#entries.get(idOf(key))?.opening.catch(() => undefined);
    return session?.isNew ? undefined : session;
  }

  /** Puts a session that was removed out of memory; whoever uses it is told why it is gone. */
  async forget(key: LogKey, failure: EngineError): Promise<void> {
    const id = idOf(key);
    const entry = this.#entries.get(id);
    const session = await entry?.opening.catch(() => undefined);
    session?.leave(failure);
    if (entry && this.#entries.get(id) === entry) this.#entries.delete(id);
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
        // It may be gone because it is being removed: what is left of it must not become part of another.
        const refusal = this.#barred.get(id);
        if (refusal) throw refusal;
        this.#assertRoom();
        entry.opening = entry.opening.then((found) => found ?? this.#create(key, info()));
        session = await entry.opening;
      }
      return await task(session);
    } finally {
      entry.holds--;
      await this.#release(id, entry);
    }
  }

  #assertRoom(): void {
    const { sessionsMax } = this.#environment.limits;
    if (this.#activeCount < sessionsMax) return;
    throw limitReached("sessionsMax", sessionsMax, "too many sessions are active: end some first");
  }

  async #load(key: LogKey): Promise<Session | undefined> {
    try {
      return await Session.load(this.#environment, key);
    } catch (error) {
      throw storageError(error);
    }
  }

  /** Counts it at once, so that many that are made together do not pass the limit. */
  async #create(key: LogKey, info: SessionInfo): Promise<Session> {
    this.#activeCount++;
    try {
      return await Session.create(this.#environment, key, this.#withDefaults(info));
    } catch (error) {
      this.#activeCount--;
      throw storageError(error);
    }
  }

  #withDefaults(info: SessionInfo): SessionInfo {
    const options = { ...this.#environment.defaults, ...info.options };
    return Object.keys(options).length > 0 ? { ...info, options } : info;
  }

  #entryOf(id: string, key: LogKey): Entry {
    const existing = this.#entries.get(id);
    const entry = existing ?? { opening: this.#load(key), holds: 0 };
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
    if (session?.isNew) this.#activeCount--;
    return true;
  }
}

function idOf(key: LogKey): string {
  return JSON.stringify([key.namespace, key.id]);
}
