import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import {
  type CatalogCountQuery,
  type CatalogEntry,
  type CatalogKey,
  type CatalogQuery,
  LogNotFoundError,
  TrimmedError,
} from "@dragoman/event-log";
import { maxListBytes } from "@dragoman/event-log/internal";
import { listStatement } from "./list-query.ts";
import { headOf } from "./log-tables.ts";
import type { Read, ReadResult } from "./protocol.ts";

type Row = Record<string, SQLOutputValue>;

/** Items that a page holds at most, however small they are. */
const maxPageItems = 10_000;

/** Statements of lists that are kept prepared; there are as many as there are shapes of queries. */
const maxListStatements = 100;

/** Reads logs and the catalog, each read from one snapshot. */
export class StoreReader {
  readonly #database: DatabaseSync;
  readonly #findLog: StatementSync;
  readonly #chunks: StatementSync;
  readonly #records: StatementSync;
  readonly #entry: StatementSync;
  readonly #lists = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#findLog = database.prepare("SELECT * FROM logs WHERE namespace = ? AND id = ?");
    this.#chunks = database.prepare(
      "SELECT first_sequence, last_sequence, bytes FROM chunks WHERE log_no = ? AND last_sequence > ? ORDER BY last_sequence LIMIT ?",
    );
    this.#records = database.prepare(
      "SELECT bytes FROM records WHERE log_no = ? AND number > ? ORDER BY number LIMIT ?",
    );
    this.#entry = database.prepare(
      "SELECT * FROM catalog WHERE namespace = ? AND kind = ? AND parent = ? AND id = ?",
    );
  }

  read(read: Read): ReadResult {
    switch (read.kind) {
      case "head": {
        const row = this.#findLog.get(read.key.namespace, read.key.id);
        return { head: row && headOf(row) };
      }
      case "events":
      case "records":
        return this.#snapshot(() => this.#page(read));
      case "get":
        return this.#get(read.key);
      case "list":
        return this.#list(read.query);
      case "count":
        return this.#count(read.query);
    }
  }

  #page({ kind, key, after, maxBytes }: Read & { kind: "events" | "records" }): ReadResult {
    const log = this.#findLog.get(key.namespace, key.id);
    if (!log) throw new LogNotFoundError(key);
    const head = headOf(log);
    const number = Number(log.log_no);
    if (kind === "records") {
      const rows = this.#records.iterate(number, after, maxPageItems);
      const found = takePage(rows, "bytes", maxBytes);
      return {
        head,
        items: found.map(({ bytes }) => bytes.length),
        bytes: join(found),
      };
    }
    if (after + 1 < head.firstSequence) throw new TrimmedError(head.firstSequence);
    const found = takePage(this.#chunks.iterate(number, after, maxPageItems), "bytes", maxBytes);
    const items = found.flatMap(({ row, bytes }) => [
      Number(row.first_sequence),
      Number(row.last_sequence),
      bytes.length,
    ]);
    return { head, items, bytes: join(found) };
  }

  #get({ namespace, kind, parent, id }: CatalogKey): ReadResult {
    const row = this.#entry.get(namespace, kind, parent, id);
    return entriesOf(takePage(row ? [row] : [], "value", maxListBytes));
  }

  #list(query: CatalogQuery): ReadResult {
    const { sql, values } = listStatement(query);
    return entriesOf(takePage(this.#statement(sql).iterate(...values), "value", maxListBytes));
  }

  #statement(sql: string): StatementSync {
    const known = this.#lists.get(sql);
    if (known) return known;
    if (this.#lists.size >= maxListStatements) this.#lists.clear();
    const statement = this.#database.prepare(sql);
    this.#lists.set(sql, statement);
    return statement;
  }

  /** Counts in the index alone. */
  #count({ kind, states = [] }: CatalogCountQuery): ReadResult {
    const wanted = [...new Set(states)];
    const inStates = wanted.length > 0 ? ` AND state IN (${wanted.map(() => "?").join(", ")})` : "";
    const sql = `SELECT count(*) AS count FROM catalog INDEXED BY catalog_by_state WHERE kind = ?${inStates}`;
    return { count: Number(this.#statement(sql).get(kind, ...wanted)?.count) };
  }

  /** Lets several statements see the same state, whatever is committed meanwhile. */
  #snapshot<T>(read: () => T): T {
    this.#database.exec("BEGIN");
    try {
      return read();
    } finally {
      this.#database.exec("COMMIT");
    }
  }
}

interface Item {
  readonly row: Row;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Takes rows until the bytes in one of their columns grow over a limit, but one at least. */
function takePage(rows: Iterable<Row>, column: string, maxBytes: number): Item[] {
  const found: Item[] = [];
  let size = 0;
  for (const row of rows) {
    const bytes = blob(row[column]);
    size += bytes.length;
    if (found.length > 0 && size > maxBytes) break;
    found.push({ row, bytes });
  }
  return found;
}

function entriesOf(items: readonly Item[]): ReadResult {
  return {
    entries: items.map(({ row }) => entryOf(row)),
    lengths: items.map(({ bytes }) => bytes.length),
    bytes: join(items),
  };
}

function entryOf(row: Row): Omit<CatalogEntry, "value"> {
  return {
    namespace: String(row.namespace),
    kind: String(row.kind),
    parent: String(row.parent),
    id: String(row.id),
    label: String(row.label),
    state: String(row.state),
    order: Number(row.place),
  };
}

/** Joins what was read into one buffer, because transferring many costs more than copying them. */
function join(items: readonly Item[]): Uint8Array<ArrayBuffer> {
  const [first] = items;
  if (first && items.length === 1) return first.bytes;
  const joined = new Uint8Array(items.reduce((length, { bytes }) => length + bytes.length, 0));
  let offset = 0;
  for (const { bytes } of items) {
    joined.set(bytes, offset);
    offset += bytes.length;
  }
  return joined;
}

function blob(value: SQLOutputValue | undefined): Uint8Array<ArrayBuffer> {
  if (value instanceof Uint8Array) return value;
  throw new Error("a column of bytes holds something else");
}
