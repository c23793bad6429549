import { createAgentClient } from "@dragoman/client/node";

const baseUrl = process.env.DRAGOMAN_SERVER ?? "http://127.0.0.1:50051";
const client = createAgentClient({ baseUrl });

async function ask(content: string) {
  const run = client.run({ messages: [{ id: "m1", role: "user", content }] }, { agentId: "demo" });
  for await (const _ of run);
}

const filter = { agentIds: ["demo"], eventTypes: ["RUN_STARTED", "TOOL_CALL_START", "RUN_FINISHED"] };
const leaving = new AbortController();
let asked: Promise<void> | undefined;

for await (const { item } of client.events.watchEvents({ filter }, { signal: leaving.signal })) {
  // The first item, a heartbeat, says that from now on nothing is missed.
  asked ??= ask("What is 6 * 7?");
  if (item.case === "skipped") console.log(`${item.value.eventCount} events left out`);
  if (item.case !== "event") continue;
  const { sessionId, sequence, event } = item.value;
  console.log(`${sessionId} ${sequence} ${event?.event.case}`);
  if (event?.event.case === "runFinished") break;
}
await asked;
leaving.abort();
client.close();
