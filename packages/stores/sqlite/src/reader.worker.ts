// The thread that reads: a page that is not in memory stalls neither the writer nor the event loop.
import { parentPort, workerData } from "node:worker_threads";
import { openForReading } from "./database.ts";
import { toFailure, toStoreError } from "./failures.ts";
import { storeFiles } from "./files.ts";
import type { Failure, Read, ReadResult, WorkerSetup } from "./protocol.ts";
import { StoreReader } from "./store-reader.ts";

const port = parentPort!;
const setup: WorkerSetup = workerData;
const path = storeFiles(setup.folder).database;

function execute(reader: StoreReader, read: Read): ReadResult | Failure {
  try {
    return reader.read(read);
  } catch (error) {
    return toFailure(toStoreError(error, path));
  }
}

try {
  const database = openForReading(setup);
  const reader = new StoreReader(database);
  port.on("message", (read: Read | "close") => {
    if (read === "close") {
      database.close();
      port.close();
      return;
    }
    const result = execute(reader, read);
    port.postMessage(result, "bytes" in result ? [result.bytes.buffer as ArrayBuffer] : []);
  });
  port.postMessage(null);
} catch (error) {
  port.postMessage(toFailure(toStoreError(error, path)));
  port.close();
}
