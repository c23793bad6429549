import { resolve } from "node:path";
import {
  type Catalog,
  completeStoreLimits,
  type EventLog,
  type LogHead,
  type LogKey,
  type Store,
  StoreClosedError,
  type StoreLimits,
  withLimits,
} from "@dragoman/event-log";
import { completeMaxBytes, createLogId, logKeyText, Waits } from "@dragoman/event-log/internal";
import type {
  Failure,
  Read,
  ReadResult,
  WorkerSetup,
  Write,
  WriteGroup,
  WriteResult,
  WriteResults,
} from "./protocol.ts";
import { ReadClient } from "./read-client.ts";
import { packAppend, packPut } from "./wire-writes.ts";
import { WorkerLink } from "./worker-link.ts";
import { WriteQueue } from "./write-queue.ts";

/** Options of {@link openSqliteStore}, besides the limits of every store. */
export interface SqliteStoreOptions extends Partial<StoreLimits> {
  /** Where the data lies. Created if missing, for this user only. One process at a time can use it. */
  readonly folder: string;
  /**
   * What an acknowledged append survives: `process` (the default) the end of the process, kill -9 included;
   * `fsync` also power loss and the end of the operating system, for one flush of the disk per commit.
   */
  readonly durability?: "process" | "fsync";
  /**
   * Bytes that the database may grow to; beyond it, writes reject with StoreFullError until something is
   * trimmed. The write-ahead log beside it, usually under 64 MiB, is not counted. Default 64 GiB.
   */
  readonly maxBytes?: number;
  /** Makes the identity of a new log. Default: 96 random bits in hexadecimal. */
  readonly createLogId?: () => string;
}

const defaultMaxBytes = 64 * 1024 * 1024 * 1024;

/**
 * Opens the embedded store: logs and catalog in one SQLite database, written and read by a thread each.
 *
 * Rejects with StoreInUseError if another process has the folder, StoreFormatError if a newer version or
 * another program wrote it, StoreCorruptError if it is damaged, StoreFullError if there is no room, and
 * RangeError for an option that is out of range.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const setup = completeSetup(options);
  // Both at once: most of the time goes into starting threads, and the reader opens nothing before it is asked.
  const [writer, reader] = await Promise.allSettled([
    WorkerLink.start<WriteGroup, WriteResults>("writer", setup),
    WorkerLink.start<Read, ReadResult | Failure>("reader", setup),
  ]);
  if (writer.status === "fulfilled" && reader.status === "fulfilled") {
    return withLimits(
      new SqliteStore(setup, writer.value, reader.value, options.createLogId ?? createLogId),
      options,
    );
  }
  await Promise.all([writer, reader].map((link) => link.status === "fulfilled" && link.value.close()));
  throw writer.status === "rejected" ? writer.reason : reader.status === "rejected" && reader.reason;
}

/** Completes and checks the options, before anything is opened. */
function completeSetup(options: SqliteStoreOptions): WorkerSetup {
  const { folder, durability = "process", maxBytes } = options;
  if (durability !== "process" && durability !== "fsync") {
    throw new RangeError(`durability must be "process" or "fsync", not ${JSON.stringify(durability)}`);
  }
  completeStoreLimits(options);
  return { folder: resolve(folder), durability, maxBytes: completeMaxBytes(maxBytes, defaultMaxBytes) };
}

class SqliteStore implements Store {
  readonly durability: "process" | "fsync";
  readonly log: EventLog;
  readonly catalog: Catalog;
  readonly #writer: WorkerLink<WriteGroup, WriteResults>;
  readonly #reader: WorkerLink<Read, ReadResult | Failure>;
  readonly #writes: WriteQueue;
  readonly #reads: ReadClient;
  readonly #waits = new Waits();
  #closing: Promise<void> | undefined;

  constructor(
    setup: WorkerSetup,
    writer: WorkerLink<WriteGroup, WriteResults>,
    reader: WorkerLink<Read, ReadResult | Failure>,
    newLogId: () => string,
  ) {
    this.durability = setup.durability;
    this.#writer = writer;
    this.#reader = reader;
    this.#writes = new WriteQueue(writer);
    this.#reads = new ReadClient(reader);
    this.log = this.#openLog(newLogId);
    this.catalog = this.#openCatalog();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#waits.fail(new StoreClosedError());
    await this.#writes.drain();
    // The reader first: the last connection that closes empties the write-ahead log, and a reader cannot.
    await this.#reader.close();
    await this.#writer.close();
  }

  #openLog(newLogId: () => string): EventLog {
    return {
      acquire: async ({ namespace, id }, { create = true } = {}) => {
        const key = { namespace, id };
        const { head } = await this.#write({
          kind: "acquire",
          key,
          newLogId: create ? newLogId() : undefined,
        });
        return known(head);
      },
      append: async (key, batch) => {
        const { write, parts } = packAppend(key, batch);
        const { head } = await this.#write(write, parts);
        if (batch.chunks.length > 0) this.#waits.wake(logKeyText(key));
        return known(head);
      },
      read: async (key, options) => {
        this.#checkOpen();
        return this.#waits.read(logKeyText(key), options, () =>
          this.#read(() => this.#reads.events(key, options)),
        );
      },
      readRecords: async (key, options) => {
        options.signal?.throwIfAborted();
        const page = await this.#read(() => this.#reads.records(key, options));
        options.signal?.throwIfAborted();
        return page;
      },
      head: async (key) => this.#read(() => this.#reads.head(key)),
      trim: async (key, firstSequence) => this.#trim(key, firstSequence),
    };
  }

  #openCatalog(): Catalog {
    return {
      get: async (key) => this.#read(() => this.#reads.get(key)),
      list: async (query) => this.#read(() => this.#reads.list(query)),
      put: async (changes) => {
        const { write, parts } = packPut(changes);
        await this.#write(write, parts);
      },
    };
  }

  async #trim({ namespace, id }: LogKey, firstSequence: number): Promise<LogHead> {
    for (;;) {
      const { head, unfinished } = await this.#write({ kind: "trim", key: { namespace, id }, firstSequence });
      if (!unfinished) return known(head);
    }
  }

  async #write(write: Write, parts: readonly Uint8Array[] = []): Promise<WriteResult> {
    this.#checkOpen();
    return this.#writes.write(write, parts);
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    return read();
  }

  #checkOpen(): void {
    if (this.#closing) throw new StoreClosedError();
  }
}

function known(head: LogHead | undefined): LogHead {
  if (!head) throw new Error("the writer answered without a head");
  return head;
}
