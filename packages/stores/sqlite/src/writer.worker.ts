// The thread that writes: the only one that changes the database, so that a slow disk stalls no event loop.
import { parentPort, workerData } from "node:worker_threads";
import { openForWriting } from "./database.ts";
import { toFailure } from "./failures.ts";
import { storeFiles } from "./files.ts";
import type { WorkerSetup, WriteGroup } from "./protocol.ts";
import { GroupWriter } from "./write-group.ts";

const port = parentPort!;
const setup: WorkerSetup = workerData;

try {
  const opened = openForWriting(setup);
  const writer = new GroupWriter(opened.database, storeFiles(setup.folder).database);
  port.on("message", (group: WriteGroup | "close") => {
    if (group !== "close") return port.postMessage(writer.execute(group));
    opened.close();
    port.close();
  });
  port.postMessage(opened.format);
} catch (error) {
  port.postMessage(toFailure(error));
  port.close();
}
