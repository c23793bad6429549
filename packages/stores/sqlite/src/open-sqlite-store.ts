import { resolve } from "node:path";
import { completeStoreLimits, type Store, type StoreLimits, withLimits } from "@dragoman/event-log";
import { completeMaxBytes, createLogId } from "@dragoman/event-log/internal";
import type { Failure, Read, ReadResult, WorkerSetup, WriteGroup, WriteResults } from "./protocol.ts";
import { SqliteStore } from "./sqlite-store.ts";
import { WorkerLink } from "./worker-link.ts";

/** Options of {@link openSqliteStore}, besides the limits of every store. */
export interface SqliteStoreOptions extends Partial<StoreLimits> {
  /** Where the data lies. Created if missing, for this user only. One process at a time can use it. */
  readonly folder: string;
  /**
   * What an acknowledged append survives: `process` (the default) the end of the process, kill -9 included;
   * `fsync` also power loss and the end of the operating system, for one flush of the disk per commit.
   */
  readonly durability?: "process" | "fsync";
  /**
   * Bytes that the database may grow to; beyond it, writes reject with StoreFullError until something is
   * trimmed. The write-ahead log beside it, usually under 64 MiB, is not counted. Default 64 GiB.
   */
  readonly maxBytes?: number;
  /** Makes the identity of a new log. Default: 96 random bits in hexadecimal. */
  readonly createLogId?: () => string;
}

const defaultMaxBytes = 64 * 1024 * 1024 * 1024;

/**
 * Opens the embedded store: logs and catalog in one SQLite database, written and read by a thread each.
 *
 * Rejects with StoreInUseError if another process has the folder, StoreFormatError if a newer version or
 * another program wrote it, StoreCorruptError if it is damaged, StoreFullError if there is no room, and
 * RangeError for an option that is out of range.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const setup = completeSetup(options);
  // Both at once: most of the time goes into starting threads, and the reader opens nothing before it is asked.
  const [writer, reader] = await Promise.allSettled([
    WorkerLink.start<WriteGroup, WriteResults>("writer", setup),
    WorkerLink.start<Read, ReadResult | Failure>("reader", setup),
  ]);
  if (writer.status === "fulfilled" && reader.status === "fulfilled") {
    return withLimits(
      new SqliteStore(setup, writer.value, reader.value, options.createLogId ?? createLogId),
      options,
    );
  }
  await Promise.all([writer, reader].map((link) => link.status === "fulfilled" && link.value.close()));
  throw writer.status === "rejected" ? writer.reason : reader.status === "rejected" && reader.reason;
}

/** Completes and checks the options, before anything is opened. */
function completeSetup(options: SqliteStoreOptions): WorkerSetup {
  const { folder, durability = "process", maxBytes } = options;
  if (durability !== "process" && durability !== "fsync") {
    throw new RangeError(`durability must be "process" or "fsync", not ${JSON.stringify(durability)}`);
  }
  completeStoreLimits(options);
  return { folder: resolve(folder), durability, maxBytes: completeMaxBytes(maxBytes, defaultMaxBytes) };
}
