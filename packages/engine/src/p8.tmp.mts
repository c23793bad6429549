import { mkdtempSync } from "node:fs";
import { openMemoryStore } from "@dragoman/event-log";
import { openSqliteStore } from "@dragoman/store-sqlite";
import { attach, engineWith, request } from "./testing/harness.ts";

const kind = process.argv[2];
const store =
  kind === "memory" ? await openMemoryStore() : await openSqliteStore({ folder: mkdtempSync("/tmp/p8-") });
const N = Number(process.argv[3] ?? 20000),
  R = 32;
const agent = {
  async *run({ threadId, runId }: { threadId: string; runId: string }) {
    yield { type: "TEXT_MESSAGE_START", messageId: runId } as const;
    for (let i = 0; i < N; i++)
      yield { type: "TEXT_MESSAGE_CONTENT", messageId: runId, delta: " hello" } as const;
    yield { type: "TEXT_MESSAGE_END", messageId: runId } as const;
    yield { type: "RUN_FINISHED", threadId, runId } as const;
  },
};
const { engine } = await engineWith(agent as never, { store });
for (let rep = 0; rep < 3; rep++) {
  const c0 = process.cpuUsage(),
    t0 = performance.now();
  let events = 0,
    batches = 0;
  await Promise.all(
    Array.from({ length: R }, async (_, i) => {
      const id = `t${rep}-${i}`;
      const { attachment } = await engine.start(request({ threadId: id, runId: id, messages: [] }), attach());
      for (;;) {
        const r = await attachment.next();
        if (r === "end") break;
        if (r === "idle") continue;
        batches++;
        events += r.batch.lastSequence - r.batch.firstSequence + 1;
      }
      attachment.close();
    }),
  );
  const c = process.cpuUsage(c0);
  const ms = performance.now() - t0;
  console.log(
    kind,
    events,
    "events",
    batches,
    "batches",
    ((events / ms) * 1000).toFixed(0),
    "ev/s",
    ((c.user + c.system) / events).toFixed(2),
    "us cpu/event",
  );
}
await store.close();
process.exit(0);
