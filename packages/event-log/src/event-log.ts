/** Names one log. Ids are the client's own strings, 1 to 256 bytes, compared byte for byte. */
export interface LogKey {
  /** The owner's namespace; `default` until authentication maps principals to others. */
  readonly namespace: string;
  /** The session id. */
  readonly id: string;
}

/** Where a log stands. */
export interface LogHead {
  /** The identity of this log, made when it is created. Sequences are places in it. */
  readonly logId: string;
  /** The sequence of the last event; 0 while there is none. */
  readonly headSequence: number;
  /** The sequence of the first event that is kept; 1 in a log that was never trimmed. */
  readonly firstSequence: number;
  /** The number of the last record; 0 while there is none. */
  readonly headRecord: number;
  /** The fence: appends must carry it. Grows with every {@link EventLog.acquire}. */
  readonly epoch: number;
}

/**
 * Events that were appended together, as the appender framed them.
 *
 * The log knows nothing of AG-UI: `bytes` are opaque, only the range of sequences matters.
 */
export interface EventChunk {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly bytes: Uint8Array;
}

/** An engine record: durable beside the events, numbered by itself, read by no client. */
export interface LogRecord {
  /** 1, 2, 3 … per log, without gaps. */
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** What one append adds, all or none. */
export interface AppendBatch {
  /** The epoch that {@link EventLog.acquire} returned. */
  readonly epoch: number;
  /** The events, in order. The first must begin at `headSequence + 1`; chunks follow without gap. */
  readonly chunks: readonly EventChunk[];
  /** Records to add. They are numbered from `headRecord + 1`. */
  readonly records: readonly Uint8Array[];
  /** Changes of the catalog that become visible with the events. */
  readonly catalog: readonly CatalogChange[];
}

/** Which part of a log to read. */
export interface ReadOptions {
  /** Return what comes after this sequence (or record number), which is itself not returned. */
  readonly after: number;
  /** Stop before the page grows over this many bytes; at least one chunk is returned. Default 256 KiB. */
  readonly maxBytes?: number;
  /**
   * If nothing is there, wait this long for an append before answering with an empty page. Milliseconds,
   * default 0. The store may answer earlier: see `maxWaitMs` of its limits.
   */
  readonly waitMs?: number;
  /** Ends the wait. The read then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A page of events. */
export interface EventPage {
  /**
   * The chunks, oldest first. The first one may begin before `after + 1`: chunks are returned whole.
   * Empty if nothing is there.
   */
  readonly chunks: readonly EventChunk[];
  /** Where the log stood when the page was read. */
  readonly head: LogHead;
}

/** A page of records. */
export interface RecordPage {
  readonly records: readonly LogRecord[];
  readonly head: LogHead;
}

/**
 * Append-only logs of events, one per session, each with a single fenced writer.
 *
 * Whatever a promise of {@link append} resolved for is durable (as the store declares) and visible to
 * every reader. Implementations pass `@dragoman/event-log/conformance`.
 */
export interface EventLog {
  /**
   * Takes a log over for writing and returns its head with a new epoch; earlier epochs are fenced.
   *
   * With `create` (the default) a log that does not exist is created, with a new random `logId`. Else
   * rejects with {@link LogNotFoundError}.
   */
  acquire(key: LogKey, options?: { readonly create?: boolean }): Promise<LogHead>;
  /**
   * Appends events, records and catalog changes, all or none, and returns the new head.
   *
   * Concurrent appends share commits; each is checked on its own, in the order of the calls. An empty
   * batch only checks the fence. The bytes are copied: until the promise settles they must not change,
   * from then on the caller may do with them what it likes.
   *
   * Rejects with {@link LogNotFoundError}; {@link FencedError} if the epoch is not the newest, whatever
   * else is wrong; {@link SequenceError} if the first chunk does not follow the head or a chunk the one
   * before it; {@link StoreFullError}; {@link LimitError}. Then nothing was appended. After
   * {@link StoreFailedError} it is unknown whether it was: acquire the log anew to see.
   */
  append(key: LogKey, batch: AppendBatch): Promise<LogHead>;
  /**
   * Reads events: a page of those after `after`, or an empty one if there are none, also where `after`
   * is ahead of the head. The bytes belong to the log: they must not be changed.
   *
   * Rejects with {@link LogNotFoundError} (at once, also with `waitMs`), {@link TrimmedError} if events
   * after `after` are no longer kept, or the reason of `signal` if it is or gets aborted.
   */
  read(key: LogKey, options: ReadOptions): Promise<EventPage>;
  /** Reads records: a page of those after number `after`. `waitMs` is ignored; else like {@link read}. */
  readRecords(key: LogKey, options: ReadOptions): Promise<RecordPage>;
  /** Returns where a log stands; undefined if there is none. */
  head(key: LogKey): Promise<LogHead | undefined>;
  /**
   * Drops whole chunks whose events all come before `firstSequence`; the last chunk always stays.
   * Returns the head, whose `firstSequence` tells what is kept. Trimming twice is no error. Records stay.
   * Needs no epoch: what nobody may read any more is not the writer's alone to decide.
   */
  trim(key: LogKey, firstSequence: number): Promise<LogHead>;
  /**
   * Removes a log with all its events and records. A log that is made under its key afterwards is another one,
   * with another `logId`; reads that wait reject with {@link LogNotFoundError}. Not all or none: after a failure
   * a part may be gone, and it is to be called again, with the same epoch or a newer one.
   *
   * Rejects with {@link FencedError} if the epoch is not the newest. Removing what is not there is no error.
   */
  remove(key: LogKey, epoch: number): Promise<void>;
}

/** One entry of the catalog: an index over logs that can be rebuilt from them. */
export interface CatalogEntry {
  readonly namespace: string;
  /** What it is, such as `session`, `run` or `interrupt`. */
  readonly kind: string;
  /** What it belongs to, such as the session of a run; empty if nothing. Part of its key. */
  readonly parent: string;
  /** Its id within (namespace, kind, parent). */
  readonly id: string;
  /** What lists filter by besides kind and parent, such as the agent. */
  readonly label: string;
  /** Where it is in its life. */
  readonly state: string;
  /** What lists are ordered by; usually its creation in milliseconds since 1970. Never changes. */
  readonly order: number;
  /** The entry itself, opaque here. */
  readonly value: Uint8Array;
}

/** The key of an entry. */
export type CatalogKey = Pick<CatalogEntry, "namespace" | "kind" | "parent" | "id">;

/** A change of the catalog. Putting an entry replaces the one with its key. */
export type CatalogChange = { readonly put: CatalogEntry } | { readonly remove: CatalogKey };

/**
 * Which entries to list: newest (highest order) first, ties by namespace, parent and id, descending,
 * compared byte for byte in UTF-8.
 */
export interface CatalogQuery {
  readonly kind: string;
  /** If absent, all namespaces. */
  readonly namespace?: string;
  readonly parent?: string;
  readonly label?: string;
  /** Entries in any of these states, at most 16. If absent or empty, in any. */
  readonly states?: readonly string[];
  /** Only entries that come after this place in the order of the list, as given by {@link placeOf}. */
  readonly after?: CatalogPlace;
  /** At most so many. 1 to 10,000. */
  readonly limit: number;
}

/** A place in a list; see {@link placeOf}. The namespace is part of it because lists may span several. */
export type CatalogPlace = Pick<CatalogEntry, "order" | "namespace" | "parent" | "id">;

/** Which entries to count. */
export type CatalogCountQuery = Pick<CatalogQuery, "kind" | "states">;

/** The index beside the logs. A read sees every append and put that resolved before it. */
export interface Catalog {
  /** Returns an entry, or undefined. */
  get(key: CatalogKey): Promise<CatalogEntry | undefined>;
  /**
   * Lists entries. A list stops before its values grow over 16 MiB, so it may be shorter than `limit`
   * although more follow: only an empty one is the end. Rejects with {@link LimitError} if `limit` or
   * `states` is out of range.
   */
  list(query: CatalogQuery): Promise<readonly CatalogEntry[]>;
  /** Counts the entries of a kind, over all namespaces; with `states` those in any of them, at most 16. */
  count(query: CatalogCountQuery): Promise<number>;
  /** Applies changes that belong to no append, all or none. */
  put(changes: readonly CatalogChange[]): Promise<void>;
}

/** What an acknowledged append survives: nothing, the end of the process, or power loss. */
export type Durability = "memory" | "process" | "fsync";

/** An open store: both ports over the same data. */
export interface Store {
  readonly log: EventLog;
  readonly catalog: Catalog;
  readonly durability: Durability;
  /**
   * Finishes what is queued and releases everything. Waiting reads, and everything called later,
   * reject with {@link StoreClosedError}. Closing twice is no error.
   */
  close(): Promise<void>;
}
