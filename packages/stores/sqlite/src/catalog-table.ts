import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { ByteReader } from "./byte-reader.ts";
import type { WireChange } from "./protocol.ts";

/** Writes the catalog. */
export class CatalogTable {
  readonly #put: StatementSync;
  readonly #remove: StatementSync;

  constructor(database: DatabaseSync) {
    this.#put = database.prepare(
      `INSERT INTO catalog (namespace, kind, parent, id, label, state, place, value)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (namespace, kind, parent, id) DO UPDATE
       SET label = excluded.label, state = excluded.state, place = excluded.place, value = excluded.value`,
    );
    this.#remove = database.prepare(
      "DELETE FROM catalog WHERE namespace = ? AND kind = ? AND parent = ? AND id = ?",
    );
  }

  apply(changes: readonly WireChange[], bytes: ByteReader): void {
    for (const change of changes) {
      if ("remove" in change) {
        const { namespace, kind, parent, id } = change.remove;
        this.#remove.run(namespace, kind, parent, id);
      } else {
        const { namespace, kind, parent, id, label, state, order } = change.put;
        this.#put.run(namespace, kind, parent, id, label, state, order, bytes.take(change.length));
      }
    }
  }
}
