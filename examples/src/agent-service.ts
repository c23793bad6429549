import { createGrpcAgentClient } from "@dragoman/client/node";

const { host } = new URL(process.env.DRAGOMAN_SERVER ?? "http://127.0.0.1:50051");
const client = createGrpcAgentClient(host);

// One turn of the session that this user has in this place.
const place = { uid: "user-123", surface: "api", surfaceId: crypto.randomUUID() };
const response = await client.runAgentLoop({ ...place, agentId: "demo", message: "What is 6 * 7?" });
console.log(response.content);

// The next one, as it happens.
for await (const event of client.runAgentLoopStream({ ...place, message: "What is 6 * 8?" })) {
  console.log(event.type, event.data);
}

// A task for another agent. The same id and task again get the first answer.
const taskId = crypto.randomUUID();
const { content, durationMs } = await client.spawnAgent({
  targetAgentId: "demo",
  task: "research gRPC",
  taskId,
});
console.log(`after ${durationMs} ms: ${content}`);
client.close();
