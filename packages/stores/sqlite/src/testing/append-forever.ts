// Appends to all logs at full speed until it is killed, and prints what was acknowledged. Every so often it
// closes the store and opens it again, so that it may be killed while it does that, too.
import { writeSync } from "node:fs";
import type { LogHead, Store } from "@dragoman/event-log";
import { openSqliteStore } from "../open-sqlite-store.ts";
import { logIds, nextBatch } from "./history.ts";

const [folder = "", durability] = process.argv.slice(2);

/** Prints at once, not through a stream that may still hold the line when the process is killed. */
function print(line: string): void {
  const bytes = Buffer.from(line);
  for (let offset = 0; offset < bytes.length; ) {
    try {
      offset += writeSync(1, bytes, offset);
    } catch (error) {
      // The reader is behind. Waiting keeps this thread from appending, not the other from writing.
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

async function write(store: Store, id: string, appends: number): Promise<void> {
  const key = { namespace: "default", id };
  let head: LogHead = await store.log.acquire(key);
  for (let i = 0; i < appends; i++) {
    head = await store.log.append(key, nextBatch(id, head));
    print(`${JSON.stringify({ id, headSequence: head.headSequence, headRecord: head.headRecord })}\n`);
  }
}

for (;;) {
  const store = await openSqliteStore({ folder, durability: durability === "fsync" ? "fsync" : "process" });
  await Promise.all(logIds.map((id) => write(store, id, 100)));
  await store.close();
}
