import { startReplica } from "./replica.ts";

/** A replica as a process of its own, on the port of its first argument. */
const replica = await startReplica(Number(process.argv[2] ?? 0));
console.log(`a replica is listening on ${replica.url}`);
