// The thread that reads: a page that is not in memory stalls neither the writer nor the event loop.
import type { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { openForReading } from "./database.ts";
import { isDatabaseError, toFailure, toStoreError } from "./failures.ts";
import { storeFiles } from "./files.ts";
import type { Failure, Read, ReadResult, WorkerSetup } from "./protocol.ts";
import { StoreReader } from "./store-reader.ts";

const port = parentPort!;
const setup: WorkerSetup = workerData;
const path = storeFiles(setup.folder).database;
let database: DatabaseSync | undefined;
let reader: StoreReader | undefined;

function execute(read: Read): ReadResult | Failure {
  try {
    // Only now: this thread starts while the writer is still making sure that there is something to read.
    database ??= openForReading(setup);
    reader ??= new StoreReader(database);
    return reader.read(read);
  } catch (error) {
    // A statement whose iteration failed gives the same error again when it is used next: prepare new ones.
    if (isDatabaseError(error)) reader = undefined;
    return toFailure(toStoreError(error, path));
  }
}

port.on("message", (read: Read | "close") => {
  if (read === "close") {
    database?.close();
    port.close();
    return;
  }
  const result = execute(read);
  port.postMessage(result, "bytes" in result ? [result.bytes.buffer] : []);
});
port.postMessage(null);
