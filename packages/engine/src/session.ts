import type { EventBatch } from "@dragoman/agui";
import {
  type CatalogChange,
  type EventLog,
  type LogHead,
  type LogKey,
  type Store,
  StoreFailedError,
} from "@dragoman/event-log";
import type { ActiveRun } from "./active-run.ts";
import { checkpointEntry, readCheckpoint } from "./checkpoint.ts";
import {
  type InterruptInfo,
  interruptEntry,
  type RunInfo,
  readEntry,
  runEntry,
  type SessionInfo,
  sessionEntry,
} from "./entries.ts";
import { EngineError, limitReached, quote, runNotFound } from "./errors.ts";
import { deadlineChanges } from "./expiry/deadline-entry.ts";
import { type Expiry, expiryOf, sessionExpired } from "./expiry/expire-time.ts";
import { SessionFold } from "./fold.ts";
import { applyBatch, catchUp } from "./fold-log.ts";
import type { Hub } from "./hub.ts";
import { applyDecisions, cancellationsOf } from "./interrupts/decisions.ts";
import { openInterruptsOf } from "./interrupts/find.ts";
import type { EngineLimits } from "./limits.ts";
import { Mutex } from "./mutex.ts";
import { EventReader, type ReadSource, wakeReaders } from "./reader.ts";
import { Ring } from "./ring.ts";
import { storageError } from "./storage-error.ts";
import { SessionWriter } from "./writer.ts";

const checkpointEveryEvents = 2_000;
const bytesPerCheckpointedEvent = 64;
const checkpointMaxBytes = 3 * 1024 * 1024;

/** What every session of an engine shares. */
export interface SessionEnvironment {
  readonly store: Store;
  readonly limits: EngineLimits;
  readonly hub: Hub;
  readonly now: () => number;
}

/**
 * One session in memory: the fold of its log, its readers, its active run and those that wait.
 *
 * Reading needs no ownership; the first write acquires the log.
 */
export class Session implements ReadSource {
  readonly key: LogKey;
  readonly log: EventLog;
  readonly ring: Ring;
  readonly waiting = new Set<() => void>();
  /** Serialises everything that decides: starts, cancels, ends. */
  readonly mutex = new Mutex();
  info: SessionInfo;
  fold: SessionFold;
  active: ActiveRun | undefined;
  readonly queue: ActiveRun[] = [];
  openInterrupts: readonly InterruptInfo[];
  /** How many readers and runs use it now; an unused one may be dropped from memory. */
  users = 0;
  /** Whether nothing of it is durable yet. */
  isNew = false;
  /** Whether its end is durable: no event will come any more. */
  isOver: boolean;
  /** Whether it is unknown what of its end was written: see {@link refresh}. */
  isUnsure = false;
  /** Why nobody can use it any more, once it was removed. */
  failure: EngineError | undefined;
  /** Told what became durable. */
  readonly hub: Hub;
  readonly #store: Store;
  readonly limits: EngineLimits;
  #head: LogHead;
  #writer: SessionWriter | undefined;
  #checkpointSequence: number;
  #checkpointBytes = 0;
  readonly #now: () => number;

  private constructor({ store, limits, hub, now }: SessionEnvironment, key: LogKey, loaded: Loaded) {
    this.key = key;
    this.hub = hub;
    this.log = store.log;
    this.#store = store;
    this.limits = limits;
    this.#now = now;
    this.ring = new Ring(limits.ringMaxBytes);
    this.info = loaded.info;
    this.isOver = loaded.info.state !== "active" && loaded.info.closing === undefined;
    this.fold = loaded.fold;
    this.openInterrupts = loaded.openInterrupts;
    this.#head = loaded.head;
    this.#checkpointSequence = loaded.checkpointSequence;
  }

  /** Opens a session; undefined if there is none. */
  static async load(environment: SessionEnvironment, key: LogKey): Promise<Session | undefined> {
    const { store } = environment;
    const entry = await store.catalog.get({
      namespace: key.namespace,
      kind: "session",
      parent: "",
      id: key.id,
    });
    const head = entry && (await store.log.head(key));
    if (!entry || !head) return undefined;
    const checkpoint = await readCheckpoint(store.catalog, key);
    const fold = new SessionFold(checkpoint);
    await catchUp(store.log, key, fold);
    const openInterrupts = await openInterruptsOf(store.catalog, key);
    const info = readEntry<SessionInfo>(entry);
    return new Session(environment, key, {
      info,
      head,
      fold,
      openInterrupts,
      checkpointSequence: checkpoint?.sequence ?? 0,
    });
  }

  /** Makes a session. Its first append writes `info`, so that nothing remains of one that never began. */
  static async create(environment: SessionEnvironment, key: LogKey, info: SessionInfo): Promise<Session> {
    const head = await environment.store.log.acquire(key);
    const fold = new SessionFold();
    const session = new Session(environment, key, {
      info,
      head,
      fold,
      openInterrupts: [],
      checkpointSequence: 0,
    });
    session.#writer = session.#createWriter(head);
    session.isNew = true;
    return session;
  }

  get sessionId(): string {
    return this.key.id;
  }
  get logId(): string {
    return this.#head.logId;
  }
  get headSequence(): number {
    return this.#head.headSequence;
  }
  get firstSequence(): number {
    return this.#head.firstSequence;
  }
  get isIdle(): boolean {
    return this.active === undefined && this.queue.length === 0;
  }

  /** The writer of this session. Acquires the log first. Call it only while holding the mutex or a run. */
  async write(): Promise<SessionWriter> {
    if (this.failure) throw this.failure;
    if (this.#writer) return this.#writer;
    const head = await this.log.acquire(this.key, { create: false });
    this.#head = head;
    if (head.headSequence > this.fold.sequence) {
      // An append whose answer was lost was made: the ring does not have it, readers find it in the log.
      this.ring.clear();
      await catchUp(this.log, this.key, this.fold);
    }
    this.#writer = this.#createWriter(head);
    return this.#writer;
  }

  /** Takes the log over again after a failed append, and forgets what was never durable. */
  async recoverWriter(): Promise<SessionWriter> {
    this.#writer = undefined;
    return this.write();
  }

  /** Makes what is queued durable. Rejects with an {@link EngineError} that says what the store cannot do. */
  async flush(): Promise<void> {
    const writer = await this.write();
    try {
      await writer.flush();
      this.isNew = false;
    } catch (error) {
      // Where a run is active, ending it goes on from where the log stands.
      if (!this.active) this.#writer = undefined;
      throw storageError(error);
    }
  }

  /** Does something that writes; what the store rejects becomes an {@link EngineError}. */
  async writing<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      if (this.#writer?.failure) this.#writer = undefined;
      throw storageError(error);
    }
  }

  /** When it expires if nothing more happens in it; undefined if it does not. */
  get expiry(): Expiry | undefined {
    if (this.info.state !== "active") return undefined;
    // While it is idle, the last event is that of the last run or change.
    return expiryOf(this.info, this.isIdle ? this.info.updateTime : this.#now());
  }

  /**
   * Writes changes of the session itself, and whatever else is to be written with them. One that takes no more
   * runs waits for no answers either.
   */
  async saveInfo(changes: Partial<SessionInfo> = {}): Promise<void> {
    const { isNew } = this;
    this.info = { ...this.info, ...changes };
    const writer = await this.write();
    const { state, endTime = this.info.updateTime } = this.info;
    const closed = cancellationsOf(state === "active" ? [] : this.openInterrupts, endTime);
    writer.add(closed.records, [...this.#ownEntries(changes), ...this.interruptEntries(closed.infos)]);
    await this.flush();
    applyDecisions(this, closed);
    this.notify();
    if (!isNew) this.hub.session(this.info);
  }

  /** Reads back what was written, after an append whose outcome is unknown. Call it while holding the mutex. */
  async refresh(): Promise<void> {
    const { catalog } = this.#store;
    const { namespace, id } = this.key;
    const entry = await catalog.get({ namespace, kind: "session", parent: "", id });
    if (entry) this.info = readEntry<SessionInfo>(entry);
    this.openInterrupts = await openInterruptsOf(catalog, this.key);
    // A run that is active goes on from where the log stands by itself.
    if (!this.active) await this.recoverWriter();
    this.isOver = this.info.state !== "active" && this.info.closing === undefined;
    this.isUnsure = false;
    this.notify();
  }

  /** Nobody can use it any more: it was removed. Its readers are told. */
  leave(failure: EngineError): void {
    this.failure = failure;
    this.notify();
  }

  /** Throws unless the session takes runs. */
  assertOpen(): void {
    const { expiry } = this;
    const missed = expiry && expiry.time <= this.#now() ? expiry.time : this.info.expireTime;
    if (missed !== undefined) throw sessionExpired(this.sessionId, missed);
    if (this.isUnsure) throw storageError(new StoreFailedError("the outcome of its end is unknown"));
    if (this.info.state === "active") return;
    const endTime = this.info.endTime === undefined ? "" : new Date(this.info.endTime).toISOString();
    throw new EngineError(
      "SESSION_ENDED",
      `the session ${quote(this.sessionId)} was ended and takes no more runs`,
      {
        session_id: this.sessionId,
        end_time: endTime,
      },
    );
  }

  /** Takes a run out of the queue. */
  dequeue(run: ActiveRun): void {
    const index = this.queue.indexOf(run);
    if (index >= 0) this.queue.splice(index, 1);
  }

  /** Finds a run: active, queued, or ended. */
  async findRun(runId: string): Promise<RunInfo | undefined> {
    const live = this.liveRun(runId);
    if (live) return live.info;
    const { namespace, id: parent } = this.key;
    const entry = await this.#store.catalog.get({ namespace, kind: "run", parent, id: runId });
    return entry && readEntry<RunInfo>(entry);
  }

  /** A run that has not ended. */
  liveRun(runId: string): ActiveRun | undefined {
    if (this.active?.info.runId === runId) return this.active;
    return this.queue.find((run) => run.info.runId === runId);
  }

  /** The run that a request means: the named one, else the active one, else the last one. */
  async resolveRun(runId: string): Promise<RunInfo> {
    const wanted = runId || this.active?.info.runId || this.fold.lastStarted?.runId || "";
    const run = wanted === "" ? undefined : await this.findRun(wanted);
    if (!run) throw runNotFound(this.sessionId, runId);
    return run;
  }

  /** Throws if the session has as many readers as it may. */
  assertRoomForReader(): void {
    const { readersPerSessionMax } = this.limits;
    if (this.waiting.size < readersPerSessionMax) return;
    throw limitReached("readersPerSessionMax", readersPerSessionMax, "this session has too many readers");
  }

  /** Opens a reader. See {@link EventReader}. */
  read(after: number, endAt: () => number | undefined, idleMs: number, signal: AbortSignal): EventReader {
    this.assertRoomForReader();
    return new EventReader(this, after, endAt, idleMs, signal);
  }

  /** Throws unless `after` is a place in this log. */
  checkCursor(after: number, logId: string): void {
    const metadata = { log_id: this.logId, head_sequence: String(this.headSequence) };
    if (logId !== "" && logId !== this.logId) {
      throw new EngineError(
        "CURSOR_OF_ANOTHER_LOG",
        `the cursor is of log ${quote(logId)}, but this is log ${this.logId}: start again from a snapshot or the beginning`,
        metadata,
      );
    }
    if (after > this.headSequence) {
      throw new EngineError(
        "CURSOR_AHEAD",
        `the cursor ${after} is ahead of the log, whose last event is ${this.headSequence}: start again from there or from a snapshot`,
        metadata,
      );
    }
    if (after < this.firstSequence - 1) {
      throw new EngineError(
        "CURSOR_EXPIRED",
        `events before ${this.firstSequence} are no longer kept: start again from a snapshot or after ${this.firstSequence - 1}`,
        { ...metadata, first_sequence: String(this.firstSequence) },
      );
    }
  }

  /** Catalog changes for a run and, with it, the session as it is now. */
  entriesFor(run: RunInfo, changes: Partial<SessionInfo> = {}): CatalogChange[] {
    // A run that waited was made before others ended.
    const updateTime = Math.max(this.info.updateTime, run.endTime ?? run.createTime);
    this.info = { ...this.info, updateTime, agentId: run.agentId, ...changes };
    return [{ put: runEntry(run) }, ...this.#ownEntries(changes)];
  }

  /** The session as it is now, and its deadline where that is another one. */
  #ownEntries(changes: Partial<SessionInfo>): CatalogChange[] {
    const isOther = this.isNew || changes.state !== undefined || "closing" in changes;
    return [{ put: sessionEntry(this.info) }, ...(isOther ? deadlineChanges(this.info, this.isNew) : [])];
  }

  /** Catalog changes that make these the known interrupts. */
  interruptEntries(infos: readonly InterruptInfo[]): CatalogChange[] {
    return infos.map((info) => ({ put: interruptEntry(info) }));
  }

  /**
   * A checkpoint to write with the next append, where one is due: the larger the last one was, the more events
   * have to come before the next, so that writing them stays a small part of the work.
   */
  checkpointIfDue(): CatalogChange[] {
    const due = Math.max(checkpointEveryEvents, this.#checkpointBytes / bytesPerCheckpointedEvent);
    if (this.fold.sequence - this.#checkpointSequence < due) return [];
    const entry = checkpointEntry(this.key, this.fold.checkpoint(), this.info.createTime);
    this.#checkpointSequence = this.fold.sequence;
    this.#checkpointBytes = entry.value.length;
    // Stores limit an entry; a session beyond it is read from an older checkpoint on.
    return entry.value.length <= checkpointMaxBytes ? [{ put: entry }] : [];
  }

  /** Lets every reader look again, because what they wait for may be known now. */
  notify(): void {
    wakeReaders(this.waiting);
  }

  #createWriter(head: LogHead): SessionWriter {
    return new SessionWriter(this.log, this.key, head, (batch, newHead) => this.#onDurable(batch, newHead));
  }

  /** Folds what the log now holds, read back from its bytes: an agent may have changed its objects since. */
  #onDurable(batch: EventBatch | undefined, head: LogHead): void {
    this.#head = head;
    if (this.isNew) {
      this.isNew = false;
      this.hub.session(this.info);
    }
    if (batch === undefined) return;
    const unverified = this.active?.info.unverified ? this.active.info.runId : undefined;
    const runId = unverified ?? this.fold.lastStarted?.runId ?? "";
    applyBatch(this.fold, batch);
    this.ring.push(batch);
    this.notify();
    const isUnverified = unverified !== undefined;
    this.hub.events(this.key, batch, { runId, agentId: this.info.agentId, isUnverified });
  }
}

interface Loaded {
  readonly info: SessionInfo;
  readonly head: LogHead;
  readonly fold: SessionFold;
  readonly openInterrupts: readonly InterruptInfo[];
  readonly checkpointSequence: number;
}
