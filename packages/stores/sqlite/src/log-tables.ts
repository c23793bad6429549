import type { DatabaseSync, StatementSync } from "node:sqlite";
import { FencedError, type LogHead, type LogKey, LogNotFoundError } from "@dragoman/event-log";
import { checkChunks, logKeyText } from "@dragoman/event-log/internal";
import type { ByteReader } from "./byte-reader.ts";
import type { Write, WriteResult } from "./protocol.ts";

/** A log as the writer knows it: its head, and the number that its rows carry. */
interface Log {
  readonly number: number;
  head: LogHead;
}

/** Logs whose heads the writer remembers, so that an append need not read its log first. */
const maxRemembered = 10_000;

/** Chunks or records that one write drops; the caller repeats it. */
const maxDroppedAtOnce = 1_000;

/** Executes a write that was checked. */
export type Effect = (bytes: ByteReader) => WriteResult;

/**
 * Writes logs, chunks and records. Only the writer does, so what it remembers is what is stored.
 *
 * Every write has two halves: the method checks it, throws what it is refused with, and returns the effect.
 * So a refused write has written nothing, and an effect that throws is never a refusal.
 */
export class LogTables {
  readonly #find: StatementSync;
  readonly #create: StatementSync;
  readonly #acquire: StatementSync;
  readonly #advance: StatementSync;
  readonly #insertChunk: StatementSync;
  readonly #insertRecord: StatementSync;
  readonly #firstKept: StatementSync;
  readonly #nthChunk: StatementSync;
  readonly #dropChunks: StatementSync;
  readonly #setFirst: StatementSync;
  readonly #nthRecord: StatementSync;
  readonly #dropRecords: StatementSync;
  readonly #dropLog: StatementSync;
  readonly #logs = new Map<string, Log>();

  constructor(database: DatabaseSync) {
    this.#find = database.prepare("SELECT * FROM logs WHERE namespace = ? AND id = ?");
    this.#create = database.prepare(
      "INSERT INTO logs (namespace, id, log_id, epoch, head_sequence, first_sequence, head_record) VALUES (?, ?, ?, 1, 0, 1, 0)",
    );
    this.#acquire = database.prepare("UPDATE logs SET epoch = ? WHERE log_no = ?");
    this.#advance = database.prepare(
      "UPDATE logs SET head_sequence = ?, head_record = ? WHERE log_no = ? AND epoch = ? AND head_sequence = ? AND head_record = ?",
    );
    this.#insertChunk = database.prepare(
      "INSERT INTO chunks (log_no, last_sequence, first_sequence, bytes) VALUES (?, ?, ?, ?)",
    );
    this.#insertRecord = database.prepare("INSERT INTO records (log_no, number, bytes) VALUES (?, ?, ?)");
    this.#firstKept = database.prepare(
      "SELECT first_sequence FROM chunks WHERE log_no = ? AND last_sequence >= ? ORDER BY last_sequence LIMIT 1",
    );
    this.#nthChunk = database.prepare(
      "SELECT last_sequence FROM chunks WHERE log_no = ? ORDER BY last_sequence LIMIT 1 OFFSET ?",
    );
    this.#dropChunks = database.prepare("DELETE FROM chunks WHERE log_no = ? AND last_sequence < ?");
    this.#setFirst = database.prepare("UPDATE logs SET first_sequence = ? WHERE log_no = ?");
    this.#nthRecord = database.prepare(
      "SELECT number FROM records WHERE log_no = ? ORDER BY number LIMIT 1 OFFSET ?",
    );
    this.#dropRecords = database.prepare("DELETE FROM records WHERE log_no = ? AND number < ?");
    this.#dropLog = database.prepare("DELETE FROM logs WHERE log_no = ?");
  }

  /** Forgets what is remembered, because a transaction was rolled back. */
  forget(): void {
    this.#logs.clear();
  }

  acquire({ key, newLogId }: Write & { kind: "acquire" }): Effect {
    const log = this.#lookUp(key);
    if (log) {
      return () => {
        const epoch = log.head.epoch + 1;
        this.#acquire.run(epoch, log.number);
        log.head = { ...log.head, epoch };
        return { head: log.head };
      };
    }
    if (newLogId === undefined) throw new LogNotFoundError(key);
    return () => {
      const { lastInsertRowid } = this.#create.run(key.namespace, key.id, newLogId);
      const head: LogHead = { logId: newLogId, headSequence: 0, firstSequence: 1, headRecord: 0, epoch: 1 };
      this.#remember(key, { number: Number(lastInsertRowid), head });
      return { head };
    };
  }

  append({ key, epoch, chunks, records }: Write & { kind: "append" }): Effect {
    const log = this.#get(key);
    if (epoch !== log.head.epoch) throw new FencedError(key, epoch);
    const headSequence = checkChunks(log.head.headSequence, ranges(chunks));
    return (bytes) => {
      if (chunks.length + records.length > 0) {
        this.#advanceTo(log, headSequence, log.head.headRecord + records.length);
        for (let i = 0; i < chunks.length; i += 3) {
          this.#insertChunk.run(log.number, chunks[i + 1]!, chunks[i]!, bytes.take(chunks[i + 2]!));
        }
        for (let i = 0; i < records.length; i++) {
          const number = log.head.headRecord - records.length + i + 1;
          this.#insertRecord.run(log.number, number, bytes.take(records[i]!));
        }
      }
      return { head: log.head };
    };
  }

  /** Drops chunks, but only so many at once: a long transaction would hold up all appends. */
  trim({ key, firstSequence }: Write & { kind: "trim" }): Effect {
    const log = this.#get(key);
    return () => {
      // Beyond the head stands for "all": the last chunk stays.
      const wanted = Math.min(firstSequence, log.head.headSequence);
      const last = this.#nthChunk.get(log.number, maxDroppedAtOnce)?.last_sequence;
      const unfinished = typeof last === "number" && last < wanted;
      const kept = this.#firstKept.get(log.number, unfinished ? last : wanted)?.first_sequence;
      if (typeof kept !== "number" || kept <= log.head.firstSequence) return { head: log.head };
      this.#dropChunks.run(log.number, kept);
      this.#setFirst.run(kept, log.number);
      log.head = { ...log.head, firstSequence: kept };
      return { head: log.head, unfinished };
    };
  }

  /**
   * Removes a log, the oldest first and only so much at once, like a trim. Its row goes with the last of it, so
   * that nothing remains that belongs to no log.
   */
  remove({ key, epoch }: Write & { kind: "remove" }): Effect {
    const log = this.#lookUp(key);
    if (!log) return () => ({});
    if (epoch !== log.head.epoch) throw new FencedError(key, epoch);
    return () => {
      const last = this.#nthChunk.get(log.number, maxDroppedAtOnce)?.last_sequence;
      if (typeof last === "number") {
        const kept = Number(this.#firstKept.get(log.number, last)?.first_sequence);
        this.#dropChunks.run(log.number, last);
        this.#setFirst.run(kept, log.number);
        log.head = { ...log.head, firstSequence: kept };
        return { unfinished: true };
      }
      const record = this.#nthRecord.get(log.number, maxDroppedAtOnce)?.number;
      this.#dropRecords.run(log.number, typeof record === "number" ? record : Number.MAX_SAFE_INTEGER);
      if (typeof record === "number") return { unfinished: true };
      this.#dropChunks.run(log.number, Number.MAX_SAFE_INTEGER);
      this.#dropLog.run(log.number);
      this.#logs.delete(logKeyText(key));
      return {};
    };
  }

  /** Moves a head. The conditions repeat what was checked: if they ever fail, memory and disk differ. */
  #advanceTo(log: Log, headSequence: number, headRecord: number): void {
    const { head } = log;
    const { changes } = this.#advance.run(
      headSequence,
      headRecord,
      log.number,
      head.epoch,
      head.headSequence,
      head.headRecord,
    );
    if (changes !== 1) throw new Error("the writer remembers another head than is stored");
    log.head = { ...head, headSequence, headRecord };
  }

  #get(key: LogKey): Log {
    const log = this.#lookUp(key);
    if (!log) throw new LogNotFoundError(key);
    return log;
  }

  #lookUp(key: LogKey): Log | undefined {
    const remembered = this.#logs.get(logKeyText(key));
    if (remembered) return remembered;
    const row = this.#find.get(key.namespace, key.id);
    if (!row) return undefined;
    const log: Log = { number: Number(row.log_no), head: headOf(row) };
    this.#remember(key, log);
    return log;
  }

  #remember(key: LogKey, log: Log): void {
    if (this.#logs.size >= maxRemembered) {
      // The oldest entry: a Map keeps the order of insertion.
      for (const oldest of this.#logs.keys()) {
        this.#logs.delete(oldest);
        break;
      }
    }
    this.#logs.set(logKeyText(key), log);
  }
}

/** Reads the head out of a row of `logs`. */
export function headOf(row: Record<string, unknown>): LogHead {
  return {
    logId: String(row.log_id),
    headSequence: Number(row.head_sequence),
    firstSequence: Number(row.first_sequence),
    headRecord: Number(row.head_record),
    epoch: Number(row.epoch),
  };
}

function ranges(chunks: readonly number[]): { firstSequence: number; lastSequence: number }[] {
  const found = [];
  for (let i = 0; i < chunks.length; i += 3)
    found.push({ firstSequence: chunks[i]!, lastSequence: chunks[i + 1]! });
  return found;
}
