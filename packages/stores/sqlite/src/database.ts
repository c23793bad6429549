import { DatabaseSync } from "node:sqlite";
import { createLogId } from "@dragoman/event-log/internal";
import { toStoreError } from "./failures.ts";
import { createFiles, lockFolder, storeFiles } from "./files.ts";
import { type Format, prepareFormat } from "./format.ts";
import type { WorkerSetup } from "./protocol.ts";

const pageBytes = 4096;

/** How long to wait for another program, such as a backup, that holds a lock on the database. */
const busyTimeoutMs = 5_000;

/** How large the write-ahead log may stay when it was emptied. */
const journalSizeLimit = 64 * 1024 * 1024;

/** The database as the writer has it, with the lock of the folder. */
export interface WriterDatabase {
  readonly database: DatabaseSync;
  readonly format: Format;
  close(): void;
}

/** Locks the folder, opens the database for writing, and brings its format up to date. */
export function openForWriting(setup: WorkerSetup): WriterDatabase {
  const files = storeFiles(setup.folder);
  createFiles(files);
  const lock = lockFolder(files);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(files.database);
    database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    // First: on a file that is no database it fails, before anything is written.
    const format = prepareFormat(database, files.database, createLogId());
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = ${setup.durability === "fsync" ? "FULL" : "NORMAL"};
      PRAGMA journal_size_limit = ${journalSizeLimit};
      PRAGMA cache_size = -64000;
      PRAGMA max_page_count = ${Math.floor(setup.maxBytes / pageBytes)};
    `);
    return { database, format, close: () => closeAll(database, lock) };
  } catch (error) {
    closeAll(database, lock);
    throw toStoreError(error, files.database);
  }
}

/** Opens the database for reading. The writer must have it open. */
export function openForReading(setup: WorkerSetup): DatabaseSync {
  const { database: path } = storeFiles(setup.folder);
  const database = new DatabaseSync(path, { readOnly: true });
  database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}; PRAGMA cache_size = -64000`);
  return database;
}

function closeAll(...databases: (DatabaseSync | undefined)[]): void {
  for (const database of databases) database?.close();
}
