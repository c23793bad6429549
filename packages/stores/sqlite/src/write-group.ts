import type { DatabaseSync, StatementSync } from "node:sqlite";
import { StoreFailedError } from "@dragoman/event-log";
import { ByteReader } from "./byte-reader.ts";
import { CatalogTable } from "./catalog-table.ts";
import { isDatabaseError, toFailure, toStoreError } from "./failures.ts";
import { type Effect, LogTables } from "./log-tables.ts";
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
   * Executes a group. A write that is refused fails alone. A failure while writing (no room) undoes the
   * transaction, and then each write gets one of its own, so that a large one does not take others down.
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
    const effect = this.#check(write);
    return typeof effect === "function" ? effect(new ByteReader(bytes)) : effect;
  }

  /** Returns what executes a write, or why it is refused. */
  #check(write: Write): Effect | Failure {
    try {
      return this.#effect(write);
    } catch (error) {
      if (isDatabaseError(error)) throw error;
      return toFailure(error);
    }
  }

  #effect(write: Write): Effect {
    switch (write.kind) {
      case "acquire":
        return this.#logs.acquire(write);
      case "trim":
        return this.#logs.trim(write);
      case "remove":
        return this.#logs.remove(write);
      case "put":
        return (bytes) => {
          this.#catalog.apply(write.catalog, bytes);
          return {};
        };
      case "append": {
        const append = this.#logs.append(write);
        return (bytes) => {
          const result = append(bytes);
          this.#catalog.apply(write.catalog, bytes);
          return result;
        };
      }
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
