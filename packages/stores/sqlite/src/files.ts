import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreInUseError } from "@dragoman/event-log";
import { isBusy, toStoreError } from "./failures.ts";

/** The files of a store. SQLite adds `-wal` and `-shm` beside the database while it is open. */
export interface StoreFiles {
  readonly folder: string;
  readonly database: string;
  readonly lock: string;
  /** Says which process holds the lock; only for the words of the error. */
  readonly owner: string;
}

export function storeFiles(folder: string): StoreFiles {
  return {
    folder,
    database: join(folder, "store.db"),
    lock: join(folder, "lock.db"),
    owner: join(folder, "lock.owner"),
  };
}

/**
 * Creates the folder and the files that are missing, for this user only; SQLite gives -wal and -shm the
 * mode of the database.
 *
 * A file that exists is not opened: closing it would release the locks of this process on it, which is how
 * POSIX has it, and then a second process could have the folder.
 */
export function createFiles(files: StoreFiles): void {
  const created = createFolder(files.folder);
  for (const file of [files.lock, files.owner, files.database]) {
    if (!existsSync(file)) createFile(file);
  }
  // So that power loss does not take the names of files whose content was flushed.
  const outermost = created === undefined ? files.folder : dirname(created);
  for (let folder = files.folder; ; folder = dirname(folder)) {
    flush(folder);
    if (folder === outermost) break;
  }
}

/**
 * Creates the folder and its parents as far as they are missing; the outermost that was created.
 *
 * Not with Node's `recursive`, which never returns where a folder is denied with ENOENT although its parent is
 * there, as /proc does: the program would hang, deaf to signals.
 */
function createFolder(folder: string): string | undefined {
  const parent = dirname(folder);
  const outermost = existsSync(parent) ? undefined : createFolder(parent);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return outermost;
    throw error;
  }
  return outermost ?? folder;
}

function createFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    // Another process may have created it just now; the lock decides who may use it.
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

function flush(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Takes the lock of the folder; closing the returned database releases it, and so does the end of the
 * process, however it comes. Throws a {@link StoreInUseError} if somebody else has it.
 *
 * It is SQLite's own exclusive lock on an empty database: the data itself cannot be locked so, because
 * our own readers use it too.
 */
export function lockFolder(files: StoreFiles): DatabaseSync {
  const lock = new DatabaseSync(files.lock);
  try {
    lock.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw toStoreError(error, files.lock);
    const owner = readFileSync(files.owner, "utf8").trim();
    throw new StoreInUseError(
      `${files.folder} is in use${owner && ` by process ${owner}`}: end that process, or use another data folder`,
      { cause: error },
    );
  }
  writeFileSync(files.owner, `${process.pid}\n`);
  return lock;
}
