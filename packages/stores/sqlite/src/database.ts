import { DatabaseSync } from "node:sqlite";
import { createLogId } from "@dragoman/event-log/internal";
import { toStoreError } from "./failures.ts";
import { createFiles, lockFolder, storeFiles } from "./files.ts";
import { type Format, prepareFormat } from "./format.ts";
import type { WorkerSetup } from "./protocol.ts";

/**
 * The page size of new databases. A usual chunk of a few KiB fits into a page of this size; with 4 KiB it takes
 * more of them, most half empty: 1.7 times the CPU per append and 1.5 times the disk.
 */
const pageBytes = 8192;

/** How large the write-ahead log gets before a commit also empties it into the database. */
const checkpointBytes = 4 * 1024 * 1024;

/** How long to wait for another program, such as a backup, that holds a lock on the database. */
const busyTimeoutMs = 5_000;

/** How large the write-ahead log may stay when it was emptied. */
const journalSizeLimit = 64 * 1024 * 1024;

/** Memory for pages, of each thread. */
const cacheKibibytes = 64 * 1024;

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
    database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}; PRAGMA page_size = ${pageBytes}`);
    // Before the other settings: those would write into a database that is not ours.
    const format = prepareFormat(database, files.database, createLogId());
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = ${setup.durability === "fsync" ? "FULL" : "NORMAL"};
      PRAGMA journal_size_limit = ${journalSizeLimit};
      PRAGMA wal_autocheckpoint = ${checkpointBytes / pageBytes};
      PRAGMA cache_size = -${cacheKibibytes};
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
  database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}; PRAGMA cache_size = -${cacheKibibytes}`);
  return database;
}

function closeAll(...databases: (DatabaseSync | undefined)[]): void {
  for (const database of databases) database?.close();
}
