// Appends to all logs at full speed until it is killed, and prints what was acknowledged. Every so often it
// closes the store and opens it again, so that it may be killed while it does that, too.
import { writeSync } from "node:fs";
import type { LogHead, Store } from "@dragoman/event-log";
import { openSqliteStore } from "../open-sqlite-store.ts";
import { logIds, nextBatch } from "./history.ts";

const [folder = "", durability] = process.argv.slice(2);

async function write(store: Store, id: string, appends: number): Promise<void> {
  const key = { namespace: "default", id };
  let head: LogHead = await store.log.acquire(key);
  for (let i = 0; i < appends; i++) {
    head = await store.log.append(key, nextBatch(id, head));
    // At once, not through a stream that may still hold it when the process is killed.
    writeSync(1, `${JSON.stringify({ id, headSequence: head.headSequence, headRecord: head.headRecord })}\n`);
  }
}

for (;;) {
  const store = await openSqliteStore({ folder, durability: durability === "fsync" ? "fsync" : "process" });
  await Promise.all(logIds.map((id) => write(store, id, 100)));
  await store.close();
}
