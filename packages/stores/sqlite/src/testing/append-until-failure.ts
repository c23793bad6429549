// Appends until that fails, then tries once more, then reads. Prints what happened.
import type { LogHead } from "@dragoman/event-log";
import { openSqliteStore } from "../open-sqlite-store.ts";

const [folder = ""] = process.argv.slice(2);
const { log } = await openSqliteStore({ folder });
const key = { namespace: "default", id: "a" };
let head: LogHead = await log.acquire(key);

async function append(): Promise<void> {
  const next = head.headSequence + 1;
  const chunks = [{ firstSequence: next, lastSequence: next, bytes: new Uint8Array(50_000) }];
  head = await log.append(key, { epoch: head.epoch, chunks, records: [], catalog: [] });
}

async function failure(): Promise<string> {
  for (;;) {
    try {
      await append();
    } catch (error) {
      return error instanceof Error ? error.name : String(error);
    }
  }
}

const first = await failure();
console.log(head.headSequence);
console.log(first);
console.log(await failure());
const { chunks } = await log.read(key, { after: head.headSequence - 1 });
console.log(`read ${chunks.at(-1)?.lastSequence}`);
