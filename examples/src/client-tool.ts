import { toValue } from "@dragoman/client";
import { createAgentClient } from "@dragoman/client/node";

const client = createAgentClient({ baseUrl: process.env.DRAGOMAN_SERVER ?? "http://127.0.0.1:50051" });
const sessionId = crypto.randomUUID();
await client.sessions.createSession({ sessionId });
const tool = { name: "scan", description: "Scans a code.", parameters: toValue({ type: "object" }) };
const executor = { kind: { case: "client", value: { timeout: { seconds: 30n } } } } as const;
await client.tools.registerTools({ sessionId, tools: [{ tool, executor }] });

const messages = [{ id: "m1", role: "user" as const, content: "use tool scan with {}" }];
for await (const { event } of client.run({ threadId: sessionId, messages }, { agentId: "demo" })) {
  if (event.type === "TEXT_MESSAGE_CONTENT") process.stdout.write(event.delta);
  if (event.type !== "TOOL_CALL_END") continue;
  // The run waits. Any client of the session may answer; the first answer counts.
  const { toolCallId } = event;
  const answer = { sessionId, toolCallId, content: "4006381333931" };
  const { runId } = await client.tools.submitToolResult(answer);
  console.log(`run ${runId} goes on`);
}
console.log();
client.close();
