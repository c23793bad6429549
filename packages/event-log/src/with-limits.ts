import { LimitError } from "./errors.ts";
import type {
  AppendBatch,
  Catalog,
  CatalogChange,
  CatalogEntry,
  CatalogKey,
  CatalogQuery,
  EventLog,
  LogKey,
  ReadOptions,
  Store,
} from "./event-log.ts";
import { completeStoreLimits, type StoreLimits } from "./store-limits.ts";

/** States that one query may name. */
const maxStates = 16;

/**
 * Wraps a store so that what is malformed or too large is refused before the store sees it, and so that
 * only so much can be under way. Stores of this workspace come wrapped.
 *
 * Refuses with a {@link LimitError}, or a RangeError for what no limit would allow: empty ids, text with
 * lone surrogates (which has no UTF-8 form), numbers that are no integers.
 */
export function withLimits(store: Store, partial: Partial<StoreLimits> = {}): Store {
  const limits = completeStoreLimits(partial);
  const write = createGate("maxQueuedWrites", limits.maxQueuedWrites);
  const read = createGate("maxReads", limits.maxReads);
  return {
    log: limitLog(store.log, limits, write, read),
    catalog: limitCatalog(store.catalog, limits, write, read),
    durability: store.durability,
    close: () => store.close(),
  };
}

/** Runs an operation unless too many run already. */
type Gate = <T>(operation: () => Promise<T>) => Promise<T>;

function createGate(limit: keyof StoreLimits, max: number): Gate {
  let running = 0;
  return async (operation) => {
    if (running >= max) throw new LimitError(limit, max, running + 1);
    running++;
    try {
      return await operation();
    } finally {
      running--;
    }
  };
}

function limitLog(log: EventLog, limits: StoreLimits, write: Gate, read: Gate): EventLog {
  return {
    acquire: async (key, options) => {
      checkLogKey(key, limits);
      return write(() => log.acquire(key, options));
    },
    append: async (key, batch) => {
      checkLogKey(key, limits);
      checkBatch(batch, limits);
      return write(() => log.append(key, batch));
    },
    read: async (key, options) => {
      checkLogKey(key, limits);
      const limited = limitRead(options, limits);
      return read(() => log.read(key, limited));
    },
    readRecords: async (key, options) => {
      checkLogKey(key, limits);
      const limited = limitRead(options, limits);
      return read(() => log.readRecords(key, limited));
    },
    head: async (key) => {
      checkLogKey(key, limits);
      return read(() => log.head(key));
    },
    trim: async (key, firstSequence) => {
      checkLogKey(key, limits);
      checkInteger("firstSequence", firstSequence);
      return write(() => log.trim(key, firstSequence));
    },
    remove: async (key, epoch) => {
      checkLogKey(key, limits);
      checkInteger("epoch", epoch);
      return write(() => log.remove(key, epoch));
    },
  };
}

function limitCatalog(catalog: Catalog, limits: StoreLimits, write: Gate, read: Gate): Catalog {
  return {
    get: async (key) => {
      checkEntryKey(key, limits);
      return read(() => catalog.get(key));
    },
    list: async (query) => {
      checkQuery(query, limits);
      return read(() => catalog.list(query));
    },
    count: async (query) => {
      checkStates(query);
      return read(() => catalog.count(query));
    },
    put: async (changes) => {
      checkMax("maxAppendBytes", limits, checkChanges(changes, limits));
      return write(() => catalog.put(changes));
    },
  };
}

function limitRead(options: ReadOptions, limits: StoreLimits): ReadOptions {
  checkInteger("after", options.after);
  const { after, signal } = options;
  const maxBytes = Math.min(options.maxBytes ?? Number.POSITIVE_INFINITY, limits.maxPageBytes);
  const waitMs = Math.min(options.waitMs ?? 0, limits.maxWaitMs);
  return {
    after,
    waitMs,
    ...(options.maxBytes !== undefined && { maxBytes }),
    ...(signal && { signal }),
  };
}

function checkBatch(batch: AppendBatch, limits: StoreLimits): void {
  let bytes = 0;
  for (const chunk of batch.chunks) {
    checkMax("maxChunkBytes", limits, chunk.bytes.length);
    bytes += chunk.bytes.length;
  }
  for (const record of batch.records) {
    checkMax("maxRecordBytes", limits, record.length);
    bytes += record.length;
  }
  if (batch.catalog.length > 0) bytes += checkChanges(batch.catalog, limits);
  checkMax("maxAppendBytes", limits, bytes);
}

function checkChanges(changes: readonly CatalogChange[], limits: StoreLimits): number {
  let bytes = 0;
  for (const change of changes) {
    if ("remove" in change) checkEntryKey(change.remove, limits);
    else bytes += checkEntry(change.put, limits);
  }
  return bytes;
}

function checkEntry(entry: CatalogEntry, limits: StoreLimits): number {
  checkEntryKey(entry, limits);
  checkText("maxEntryTextBytes", limits, entry.label);
  checkText("maxEntryTextBytes", limits, entry.state);
  if (!Number.isFinite(entry.order))
    throw new RangeError(`order must be a finite number, not ${entry.order}`);
  checkMax("maxEntryBytes", limits, entry.value.length);
  return entry.value.length;
}

function checkEntryKey(key: CatalogKey, limits: StoreLimits): void {
  checkText("maxEntryTextBytes", limits, key.namespace);
  checkText("maxEntryTextBytes", limits, key.kind);
  checkText("maxEntryTextBytes", limits, key.parent);
  checkText("maxEntryTextBytes", limits, key.id);
}

function checkQuery(query: CatalogQuery, limits: StoreLimits): void {
  checkInteger("limit", query.limit, 1);
  checkMax("maxListLength", limits, query.limit);
  checkStates(query);
}

function checkStates(query: Pick<CatalogQuery, "states">): void {
  const states = query.states?.length ?? 0;
  if (states > maxStates) throw new LimitError("maxStates", maxStates, states);
}

function checkLogKey(key: LogKey, limits: StoreLimits): void {
  if (key.namespace === "" || key.id === "")
    throw new RangeError("the namespace and id of a log must not be empty");
  checkText("maxKeyBytes", limits, key.namespace);
  checkText("maxKeyBytes", limits, key.id);
}

const loneSurrogate = /\p{Surrogate}/u;
const utf8 = new TextEncoder();

function checkText(limit: "maxKeyBytes" | "maxEntryTextBytes", limits: StoreLimits, text: string): void {
  if (loneSurrogate.test(text))
    throw new RangeError("the text has a lone surrogate, so it has no UTF-8 form");
  // A UTF-16 unit is at most three bytes of UTF-8, so short text need not be measured.
  if (text.length * 3 > limits[limit]) checkMax(limit, limits, utf8.encode(text).length);
}

function checkMax(limit: keyof StoreLimits, limits: StoreLimits, actual: number): void {
  if (actual > limits[limit]) throw new LimitError(limit, limits[limit], actual);
}

function checkInteger(name: string, value: number, min = 0): void {
  if (!Number.isSafeInteger(value) || value < min) {
    throw new RangeError(`${name} must be an integer of at least ${min}, not ${value}`);
  }
}
