import type { DatabaseSync } from "node:sqlite";
import { StoreFormatError } from "@dragoman/event-log";
import { type Migration, migrations } from "./migrations.ts";

/** In the header of every database of ours ("DRGM"), so that a foreign one is told from an empty one. */
export const applicationId = 0x4452474d;

/** The format that this version writes. */
export const formatVersion = migrations.length;

/** What the data says about itself. */
export interface Format {
  /** Made when the store was created. */
  readonly storeId: string;
  readonly version: number;
}

/**
 * Makes sure that a database has the newest format: creates the tables of a new one, brings an older one
 * up to date, both in one transaction.
 *
 * Throws a {@link StoreFormatError} for a newer format and for a database of another program, and leaves
 * both as they are.
 */
export function prepareFormat(
  database: DatabaseSync,
  path: string,
  newStoreId: string,
  steps: readonly Migration[] = migrations,
): Format {
  database.exec("BEGIN IMMEDIATE");
  try {
    const found = readFormat(database, path) ?? createMeta(database, newStoreId);
    if (found.version > steps.length) {
      throw new StoreFormatError(
        `${path} has format version ${found.version}, this program knows up to ${steps.length}: ` +
          "use the version of the program that wrote it, or a newer one",
      );
    }
    for (const step of steps.slice(found.version)) step(database);
    database.prepare("UPDATE meta SET format_version = ?").run(steps.length);
    database.exec("COMMIT");
    return { storeId: found.storeId, version: steps.length };
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

/** Returns undefined for a database that is empty. */
function readFormat(database: DatabaseSync, path: string): Format | undefined {
  const application = database.prepare("PRAGMA application_id").get();
  if (application?.application_id === applicationId) {
    const meta = database.prepare("SELECT store_id, format_version FROM meta").get();
    if (meta) return { storeId: String(meta.store_id), version: Number(meta.format_version) };
  } else {
    const objects = database.prepare("SELECT count(*) AS count FROM sqlite_schema").get();
    if (objects?.count === 0) return undefined;
  }
  throw new StoreFormatError(`${path} is no data of this program: it is a SQLite database of another one`);
}

function createMeta(database: DatabaseSync, storeId: string): Format {
  database.exec(`PRAGMA application_id = ${applicationId}`);
  database.exec("CREATE TABLE meta (store_id TEXT NOT NULL, format_version INTEGER NOT NULL) STRICT");
  database.prepare("INSERT INTO meta VALUES (?, 0)").run(storeId);
  return { storeId, version: 0 };
}
