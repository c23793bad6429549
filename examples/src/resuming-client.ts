import { createAgentClient } from "@dragoman/client/node";

const baseUrl = process.env.DRAGOMAN_SERVER ?? "http://127.0.0.1:50051";
const client = createAgentClient({ baseUrl });

const messages = [{ id: "m1", role: "user" as const, content: "Count to 5" }];
const run = client.run({ threadId: crypto.randomUUID(), messages }, { agentId: "demo" });
for await (const { event } of run) {
  if (event.type === "TEXT_MESSAGE_CONTENT") process.stdout.write(event.delta);
}
console.log();
client.close();
