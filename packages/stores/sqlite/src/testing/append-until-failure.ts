// Appends until that fails; once its input ends tries again, then reads. Prints what happened.
import { once } from "node:events";
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
      return nameOf(error);
    }
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : String(error);
}

const first = await failure();
console.log(head.headSequence);
console.log(first);
// The disk works again, but what it did meanwhile stays unknown.
await once(process.stdin.resume(), "end");
console.log(await append().then(() => "appended", nameOf));
const { chunks } = await log.read(key, { after: head.headSequence - 1 });
console.log(`read ${chunks.at(-1)?.lastSequence}`);
