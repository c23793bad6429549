import {
  type Catalog,
  type EventLog,
  type LogHead,
  type LogKey,
  type Store,
  StoreClosedError,
} from "@dragoman/event-log";
import { logKeyText, Waits } from "@dragoman/event-log/internal";
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
import type { WorkerLink } from "./worker-link.ts";
import { WriteQueue } from "./write-queue.ts";

/** The store on this side of the two threads: what is written goes to one, what is read comes from the other. */
export class SqliteStore implements Store {
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
      remove: async (key, epoch) => this.#remove(key, epoch),
    };
  }

  #openCatalog(): Catalog {
    return {
      get: async (key) => this.#read(() => this.#reads.get(key)),
      list: async (query) => this.#read(() => this.#reads.list(query)),
      count: async (query) => this.#read(() => this.#reads.count(query)),
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

  async #remove({ namespace, id }: LogKey, epoch: number): Promise<void> {
    const key = { namespace, id };
    while ((await this.#write({ kind: "remove", key, epoch })).unfinished);
    this.#waits.wake(logKeyText(key));
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
