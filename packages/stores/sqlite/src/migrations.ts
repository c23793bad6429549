import type { DatabaseSync } from "node:sqlite";

/** Brings the data from one format version to the next. Runs inside a transaction. */
export type Migration = (database: DatabaseSync) => void;

/**
 * All formats there ever were: the step at index n makes version n + 1 out of version n. A new store is
 * version 0, which has nothing, and runs all of them; a step that was released never changes.
 */
export const migrations: readonly Migration[] = [createTables];

/**
 * Version 1.
 *
 * Everything of a log is keyed by its number: integer keys are three times as fast as its id would be.
 * Chunks are in the order in which they came, with an index beside: to cluster them by log would spread
 * every commit over as many pages as there are logs.
 */
function createTables(database: DatabaseSync): void {
  database.exec(`
    CREATE TABLE logs (
      log_no INTEGER PRIMARY KEY,
      namespace TEXT NOT NULL,
      id TEXT NOT NULL,
      log_id TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      head_sequence INTEGER NOT NULL,
      first_sequence INTEGER NOT NULL,
      head_record INTEGER NOT NULL,
      UNIQUE (namespace, id)
    ) STRICT;

    CREATE TABLE chunks (
      chunk_no INTEGER PRIMARY KEY,
      log_no INTEGER NOT NULL,
      last_sequence INTEGER NOT NULL,
      first_sequence INTEGER NOT NULL,
      bytes BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX chunks_by_log ON chunks (log_no, last_sequence);

    CREATE TABLE records (
      record_no INTEGER PRIMARY KEY,
      log_no INTEGER NOT NULL,
      number INTEGER NOT NULL,
      bytes BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX records_by_log ON records (log_no, number);

    CREATE TABLE catalog (
      entry_no INTEGER PRIMARY KEY,
      namespace TEXT NOT NULL,
      kind TEXT NOT NULL,
      parent TEXT NOT NULL,
      id TEXT NOT NULL,
      label TEXT NOT NULL,
      state TEXT NOT NULL,
      place REAL NOT NULL,
      value BLOB NOT NULL,
      UNIQUE (namespace, kind, parent, id)
    ) STRICT;
    CREATE INDEX catalog_by_kind ON catalog (kind, place, namespace, parent, id);
    CREATE INDEX catalog_by_namespace ON catalog (namespace, kind, place, parent, id);
    CREATE INDEX catalog_by_parent ON catalog (kind, parent, place, namespace, id);
    CREATE INDEX catalog_by_label ON catalog (namespace, kind, label, place, parent, id);
    CREATE INDEX catalog_by_state ON catalog (kind, state, place, namespace, parent, id);
    CREATE INDEX catalog_by_namespace_state ON catalog (namespace, kind, state, place, parent, id);
  `);
}
