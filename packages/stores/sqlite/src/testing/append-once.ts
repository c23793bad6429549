// Appends once, waits for nothing and closes nothing: the process must end by itself, after the append.
import { openSqliteStore } from "../open-sqlite-store.ts";

const [folder = ""] = process.argv.slice(2);
const { log } = await openSqliteStore({ folder });
const key = { namespace: "default", id: "a" };
const { epoch } = await log.acquire(key);
const chunks = [{ firstSequence: 1, lastSequence: 1, bytes: new Uint8Array(9) }];
void log.append(key, { epoch, chunks, records: [], catalog: [] }).then(() => console.log("appended"));
