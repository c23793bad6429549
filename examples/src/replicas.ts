import { type Agent, serve } from "@dragoman/agent/serve";
import { createAgentClient } from "@dragoman/client/node";

// An agent host, twice: two replicas of one agent.
const replica = (name: string): Agent => ({
  async *run({ threadId, runId }) {
    yield { type: "TEXT_MESSAGE_CHUNK", messageId: crypto.randomUUID(), delta: `${name} answers` };
    yield { type: "RUN_FINISHED", threadId, runId };
  },
});
const hosts = [await serve(replica("the first replica")), await serve(replica("the second replica"))];

const client = createAgentClient({ baseUrl: process.env.DRAGOMAN_SERVER ?? "http://127.0.0.1:50051" });
const endpoints = hosts.map(({ url: target }) => ({ target }));
await client.agentRegistry.registerAgent({ agentId: "twins", endpoints, replace: true });

// Each run goes to the healthy endpoint with the fewest runs, of several the one that was unused for longest.
async function ask() {
  const messages = [{ id: crypto.randomUUID(), role: "user" as const, content: "Who is there?" }];
  for await (const { event } of client.run({ messages }, { agentId: "twins" })) {
    if (event.type === "TEXT_MESSAGE_CONTENT") console.log(event.delta);
  }
}
await ask();
await ask();

// One of them goes. It takes no more runs, and what it had would go on.
await client.agentRegistry.deregisterAgent({ agentId: "twins", target: hosts[0]?.url ?? "" });
await hosts[0]?.close();
await ask();

await client.agentRegistry.deregisterAgent({ agentId: "twins" });
client.close();
await hosts[1]?.close();
