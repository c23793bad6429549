import type { CatalogEntry, LogKey } from "@dragoman/event-log";
import type { EngineCore } from "../core.ts";
import { readEntry, type SessionInfo } from "../entries.ts";
import { EngineError, type EngineErrorReason } from "../errors.ts";
import { listAll } from "../interrupts/find.ts";
import type { Session } from "../session.ts";
import { storageError } from "../storage-error.ts";
import { closeSession, expiredNow, findOut } from "./close-session.ts";
import { deadlineKind, deadlineTime } from "./deadline-entry.ts";
import { Deadlines } from "./deadlines.ts";
import { expireTimeOf, removalTimeOf } from "./expire-time.ts";
import { finishRemoval, isBeingRemoved, removeSession } from "./remove-session.ts";

/** How long to wait before something is tried again that the store did not take. */
const retryMs = 1_000;
/** Why the end of a session may be late, without anything being wrong with the session. */
const isOfStore: ReadonlySet<EngineErrorReason> = new Set(["STORAGE_FULL", "STORAGE_UNAVAILABLE"]);
/** What a timer of Node can wait at most. */
const longestTimerMs = 2_147_483_647;

/**
 * Ends sessions in time, and removes them when their retention is over, whether they are in memory or not.
 *
 * One timer waits for the soonest deadline. A session that was used meanwhile is only looked at, and waited for
 * again: nothing is written to prolong it.
 */
export class SessionExpiry {
  readonly #core: EngineCore;
  readonly #deadlines: Deadlines;
  readonly #working = new Set<Promise<void>>();
  #cancelTimer: (() => void) | undefined;
  #filling: Promise<void> | undefined;
  #state: "new" | "running" | "stopped" = "new";

  constructor(core: EngineCore) {
    this.#core = core;
    this.#deadlines = new Deadlines(core.limits.deadlinesMax);
    core.hub.subscribe({ onSession: (info) => this.#onSession(info) });
  }

  /** Counts the sessions, and keeps everybody from those that were being removed. Before anything is served. */
  async prepare(): Promise<void> {
    const { store, sessions } = this.#core;
    sessions.countActive(await store.catalog.count({ kind: "session", states: ["active"] }));
    const removing = listAll(store.catalog, { kind: deadlineKind, states: ["removing"] });
    for await (const entry of removing) {
      const key = keyOf(entry);
      sessions.bar(key, isBeingRemoved(key));
      this.#deadlines.set(key, 0);
    }
  }

  /** Begins to watch deadlines. They are read beside the work. */
  start(): void {
    this.#state = "running";
    this.#fill();
    this.#pump();
  }

  /** Ends nothing more. Resolves when what was begun is done. */
  async stop(): Promise<void> {
    this.#state = "stopped";
    this.#cancelTimer?.();
    await Promise.allSettled([this.#filling, ...this.#working]);
  }

  /** Ends a session now, or brings it to the end that it has already missed. */
  async end(session: Session, dropState: boolean): Promise<void> {
    const why = () => expiredNow(this.#core, session) ?? { why: "ended" as const, dropState };
    await this.#close(session, why);
  }

  /**
   * Lets a session expire whose time is over, so that whoever looks at it sees it so. Where the store takes no writes,
   * it is looked at as it is: reads go on.
   */
  async settle(session: Session): Promise<void> {
    if (!expiredNow(this.#core, session)) return;
    try {
      await this.#close(session, () => expiredNow(this.#core, session));
    } catch (error) {
      if (!(error instanceof EngineError) || !isOfStore.has(error.reason)) throw error;
    }
  }

  async #close(session: Session, why: Parameters<typeof closeSession>[2]): Promise<void> {
    try {
      await closeSession(this.#core, session, why);
    } catch (error) {
      if (session.info.closing || session.isUnsure) this.#schedule(session.key, this.#core.now() + retryMs);
      throw storageError(error);
    }
  }

  #onSession(info: SessionInfo): void {
    if (info.closing) return; // whoever began it goes on with it
    const key = { namespace: info.namespace, id: info.sessionId };
    const time = info.state === "active" ? expireTimeOf(info) : removalTimeOf(info, this.#core.retentionMs);
    if (time === undefined) this.#deadlines.delete(key);
    else this.#schedule(key, time);
  }

  #schedule(key: LogKey, time: number): void {
    this.#deadlines.set(key, time);
    this.#pump();
  }

  #fill(): void {
    if (this.#filling) return;
    this.#deadlines.refill();
    this.#filling = this.#readDeadlines()
      .catch((error: unknown) => {
        if (this.#state === "running") this.#core.onError(error);
      })
      .finally(() => {
        this.#filling = undefined;
        this.#pump();
      });
  }

  async #readDeadlines(): Promise<void> {
    const { store, retentionMs } = this.#core;
    for await (const entry of listAll(store.catalog, { kind: deadlineKind })) {
      if (this.#state !== "running") return;
      this.#deadlines.set(keyOf(entry), deadlineTime(entry));
    }
    if (retentionMs === undefined) return;
    // What the engine itself is told about retention is written down nowhere else.
    for await (const entry of listAll(store.catalog, { kind: "session", states: ["ended", "expired"] })) {
      if (this.#state !== "running") return;
      this.#onSession(readEntry<SessionInfo>(entry));
    }
  }

  /** Begins what is due, as much as may be at once, and sets the timer for the next. */
  #pump(): void {
    if (this.#state !== "running") return;
    const { limits, now, timer } = this.#core;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    while (this.#working.size < limits.expiriesParallelMax) {
      const key = this.#deadlines.takeDue(now());
      if (!key) break;
      const working = this.#work(key).finally(() => {
        this.#working.delete(working);
        this.#pump();
      });
      this.#working.add(working);
    }
    if (this.#working.size >= limits.expiriesParallelMax) return;
    if (this.#deadlines.isExhausted) this.#fill();
    const { next } = this.#deadlines;
    if (next === undefined) return;
    const delayMs = Math.min(Math.max(0, next - now()), longestTimerMs);
    this.#cancelTimer = timer(delayMs, () => this.#pump());
  }

  /** Does what a session is due for. Never rejects. */
  async #work(key: LogKey): Promise<void> {
    try {
      const next = await this.#step(key);
      if (next !== undefined) this.#deadlines.set(key, next);
    } catch (error) {
      if (this.#state !== "running") return;
      // A session that is being recovered, or is broken, was reported by whoever found it so.
      if (!(error instanceof EngineError)) this.#core.onError(error);
      this.#deadlines.set(key, this.#core.now() + retryMs);
    }
  }

  /** Looks at a session, without its log where it only has to wait; returns when to look again. */
  async #step(key: LogKey): Promise<number | undefined> {
    const { sessions, retentionMs, now } = this.#core;
    const loaded = await sessions.peek(key);
    if (loaded?.isUnsure) await loaded.mutex.run(() => findOut(this.#core, loaded));
    const info = loaded?.info ?? (await this.#read(key));
    if (!info) return this.#tidy(key);
    if (info.state === "active" || info.closing) {
      const time = info.closing ? 0 : loaded ? loaded.expiry?.time : expireTimeOf(info);
      if (time === undefined || time > now()) return time;
      return sessions.use(key, async (session) => {
        await closeSession(this.#core, session, () => expiredNow(this.#core, session));
        return session.expiry?.time ?? removalTimeOf(session.info, retentionMs);
      });
    }
    const time = removalTimeOf(info, retentionMs);
    if (time === undefined || time > now()) return time;
    await removeSession(this.#core, key, info);
    return undefined;
  }

  async #read({ namespace, id }: LogKey): Promise<SessionInfo | undefined> {
    const entry = await this.#core.store.catalog.get({ namespace, kind: "session", parent: "", id });
    return entry && readEntry<SessionInfo>(entry);
  }

  /** A session that is gone is left alone, unless a part of it is still there. */
  async #tidy({ namespace, id }: LogKey): Promise<undefined> {
    const { catalog } = this.#core.store;
    const entry = await catalog.get({ namespace, kind: deadlineKind, parent: "", id });
    if (entry?.state === "removing") await finishRemoval(this.#core, { namespace, id });
  }
}

function keyOf({ namespace, id }: CatalogEntry): LogKey {
  return { namespace, id };
}
