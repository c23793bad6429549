import { LogNotFoundError, StoreClosedError, StoreFullError } from "./errors.ts";
import type { AppendBatch, Catalog, CatalogChange, EventLog, LogHead, LogKey, Store } from "./event-log.ts";
import { logKeyText } from "./keys.ts";
import { createLogId } from "./log-id.ts";
import { entryBytes, MemoryCatalog } from "./memory-catalog.ts";
import { MemoryLog } from "./memory-log.ts";
import { completeMaxBytes, type StoreLimits } from "./store-limits.ts";
import { Waits } from "./waits.ts";
import { withLimits } from "./with-limits.ts";

/** Options of {@link openMemoryStore}, besides the limits of every store. */
export interface MemoryStoreOptions extends Partial<StoreLimits> {
  /**
   * Bytes that all logs and the catalog may take together, counting what they hold and
   * 128 per item. Beyond it, writes reject with StoreFullError. Default 1 GiB.
   */
  readonly maxBytes?: number;
  /** Makes the identity of a new log. Default: 96 random bits in hexadecimal. */
  readonly createLogId?: () => string;
}

/** What a chunk, record, entry or log counts for besides its bytes. */
const itemOverheadBytes = 128;

const defaultMaxBytes = 1024 * 1024 * 1024;

/**
 * Opens the in-memory store: the reference of what a store does, and a store for tests and for servers
 * that need to keep nothing. Everything is gone when it is closed.
 */
export async function openMemoryStore(options: MemoryStoreOptions = {}): Promise<Store> {
  return withLimits(new MemoryStore(options), options);
}

class MemoryStore implements Store {
  readonly durability = "memory";
  readonly log: EventLog;
  readonly catalog: Catalog;
  readonly #maxBytes: number;
  readonly #createLogId: () => string;
  readonly #logs = new Map<string, MemoryLog>();
  readonly #entries = new MemoryCatalog();
  readonly #waits = new Waits();
  #bytes = 0;
  #closed = false;
  #turn: Promise<void> | undefined;

  constructor(options: MemoryStoreOptions) {
    this.#maxBytes = completeMaxBytes(options.maxBytes, defaultMaxBytes);
    this.#createLogId = options.createLogId ?? createLogId;
    this.log = this.#openLog();
    this.catalog = this.#openCatalog();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#waits.fail(new StoreClosedError());
    this.#logs.clear();
    this.#entries.clear();
  }

  #openLog(): EventLog {
    return {
      acquire: async (key, { create = true } = {}) => this.#acquire(key, create),
      append: async (key, batch) => {
        const head = this.#append(key, batch);
        await this.#nextTurn();
        return head;
      },
      read: async (key, options) =>
        this.#waits.read(logKeyText(key), options, async () => this.#get(key).read(options)),
      readRecords: async (key, options) => {
        options.signal?.throwIfAborted();
        return this.#get(key).readRecords(options);
      },
      head: async (key) => {
        this.#checkOpen();
        return this.#logs.get(logKeyText(key))?.head();
      },
      trim: async (key, firstSequence) => {
        const log = this.#get(key);
        const { bytes, chunks } = log.trim(firstSequence);
        this.#bytes -= bytes + chunks * itemOverheadBytes;
        return log.head();
      },
      remove: async (key, epoch) => this.#remove(key, epoch),
    };
  }

  #openCatalog(): Catalog {
    return {
      get: async (key) => {
        this.#checkOpen();
        return this.#entries.get(key);
      },
      list: async (query) => {
        this.#checkOpen();
        return this.#entries.list(query);
      },
      count: async (query) => {
        this.#checkOpen();
        return this.#entries.count(query);
      },
      put: async (changes) => {
        this.#checkOpen();
        this.#reserve(changesBytes(changes));
        this.#entries.apply(changes);
      },
    };
  }

  #acquire(key: LogKey, create: boolean): LogHead {
    this.#checkOpen();
    const text = logKeyText(key);
    let log = this.#logs.get(text);
    if (!log) {
      if (!create) throw new LogNotFoundError(key);
      this.#reserve(itemOverheadBytes);
      this.#bytes += itemOverheadBytes;
      log = new MemoryLog(key, this.#createLogId());
      this.#logs.set(text, log);
    }
    return log.acquire();
  }

  #remove(key: LogKey, epoch: number): void {
    this.#checkOpen();
    const text = logKeyText(key);
    const log = this.#logs.get(text);
    if (!log) return;
    log.checkRemoval(epoch);
    const { items, bytes } = log.size;
    this.#bytes -= bytes + (items + 1) * itemOverheadBytes;
    this.#logs.delete(text);
    this.#waits.wake(text);
  }

  #append(key: LogKey, batch: AppendBatch): LogHead {
    const log = this.#get(key);
    log.check(batch);
    const bytes = batchBytes(batch);
    this.#reserve(bytes + changesBytes(batch.catalog));
    this.#bytes += bytes;
    this.#entries.apply(batch.catalog);
    const head = log.append(batch);
    if (batch.chunks.length > 0) this.#waits.wake(logKeyText(key));
    return head;
  }

  /**
   * Resolves in the next turn of the event loop, as the answer of a real disk would come: else whoever appends
   * in a loop keeps every socket and timer waiting.
   */
  #nextTurn(): Promise<void> {
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#turn = undefined;
        resolve();
      });
    });
    return this.#turn;
  }

  #get(key: LogKey): MemoryLog {
    this.#checkOpen();
    const log = this.#logs.get(logKeyText(key));
    if (!log) throw new LogNotFoundError(key);
    return log;
  }

  #reserve(bytes: number): void {
    if (bytes > 0 && this.#bytes + this.#entries.bytes + bytes > this.#maxBytes) {
      throw new StoreFullError(`the store may take ${this.#maxBytes} bytes (maxBytes) and is full`);
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreClosedError();
  }
}

function batchBytes(batch: AppendBatch): number {
  let bytes = 0;
  for (const chunk of batch.chunks) bytes += chunk.bytes.length + itemOverheadBytes;
  for (const record of batch.records) bytes += record.length + itemOverheadBytes;
  return bytes;
}

function changesBytes(changes: readonly CatalogChange[]): number {
  let bytes = 0;
  for (const change of changes) if ("put" in change) bytes += entryBytes(change.put);
  return bytes;
}
