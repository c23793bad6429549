import { createAgentClient } from "@dragoman/client/node";

const baseUrl = process.env.DRAGOMAN_SERVER ?? "http://127.0.0.1:50051";
const client = createAgentClient({ baseUrl });

// It lives for a second at most, and ten minutes after its end nothing is left of it.
const options = { expireAfter: { seconds: 1n }, retention: { seconds: 600n }, metadata: { team: "support" } };
const { session } = await client.sessions.createSession({ options });
const sessionId = session?.sessionId ?? "";

const messages = [{ id: "m1", role: "user" as const, content: "say hello" }];
for await (const _ of client.run({ threadId: sessionId, messages }, { agentId: "demo" }));

// Who follows a session is with it to its end.
for await (const { item } of client.sessions.observeSession({ sessionId, follow: true })) {
  if (item.case === "event" && item.value.event.case === "custom") console.log(item.value.event.value.name);
}

// What writes is refused from now on; it can still be read.
await client.sessions.getSession({ sessionId });
const { messages: history } = await client.sessions.listMessages({ sessionId });
console.log(`${history.length} messages`);
client.close();
