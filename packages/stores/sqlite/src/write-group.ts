import type { DatabaseSync, StatementSync } from "node:sqlite";
import { StoreFailedError } from "@dragoman/event-log";
import { ByteReader } from "./byte-reader.ts";
import { CatalogTable } from "./catalog-table.ts";
import { isDatabaseError, toFailure, toStoreError } from "./failures.ts";
import { LogTables } from "./log-tables.ts";
import type { Failure, Write, WriteGroup, WriteResult, WriteResults } from "./protocol.ts";

/** A write with its bytes. */
interface Task {
  readonly write: Write;
  readonly bytes: Uint8Array;
}

type Result = WriteResult | Failure;

/** Executes groups of writes, each group in one transaction. */
export class GroupWriter {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #begin: StatementSync;
  readonly #end: StatementSync;
  readonly #logs: LogTables;
  readonly #catalog: CatalogTable;
  #failed: Failure | undefined;

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#end = database.prepare("COMMIT");
    this.#logs = new LogTables(database);
    this.#catalog = new CatalogTable(database);
  }

  /**
   * Executes a group. A write that is not allowed fails alone; what SQLite itself refuses (no room) undoes
   * the transaction, and then each write gets one of its own, so that a large one does not take others down.
   */
  execute(group: WriteGroup): WriteResults {
    const tasks = split(group);
    const outcome = this.#commit(tasks);
    if (Array.isArray(outcome)) return outcome;
    if (tasks.length === 1) return [outcome];
    return tasks.map((task) => {
      const single = this.#commit([task]);
      return Array.isArray(single) ? single[0]! : single;
    });
  }

  /** Returns the results if the transaction was committed, else why it was not. */
  #commit(tasks: readonly Task[]): Result[] | Failure {
    if (this.#failed) return this.#failed;
    try {
      this.#begin.run();
      const results = tasks.map((task) => this.#apply(task));
      this.#end.run();
      return results;
    } catch (error) {
      return this.#undo(error);
    }
  }

  #apply({ write, bytes }: Task): Result {
    try {
      const reader = new ByteReader(bytes);
      switch (write.kind) {
        case "acquire":
          return { head: this.#logs.acquire(write) };
        case "trim":
          return this.#logs.trim(write);
        case "put":
          this.#catalog.apply(write.catalog, reader);
          return {};
        case "append": {
          const head = this.#logs.append(write, reader);
          this.#catalog.apply(write.catalog, reader);
          return { head };
        }
      }
    } catch (error) {
      if (isDatabaseError(error)) throw error;
      return toFailure(error);
    }
  }

  #undo(cause: unknown): Failure {
    this.#logs.forget();
    const error = toStoreError(cause, this.#path);
    try {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
    } catch (failure) {
      this.#failed = toFailure(new StoreFailedError(`${this.#path} could not be rolled back (${failure})`));
    }
    if (error instanceof StoreFailedError) this.#failed = toFailure(error);
    return this.#failed ?? toFailure(error);
  }
}

function split({ writes, bytes }: WriteGroup): Task[] {
  const reader = new ByteReader(bytes);
  return writes.map((write) => ({ write, bytes: reader.take("length" in write ? write.length : 0) }));
}
