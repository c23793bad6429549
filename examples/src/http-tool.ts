import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { toValue } from "@dragoman/client";
import { createAgentClient } from "@dragoman/client/node";

// What executes the tool: any HTTP endpoint. The arguments come as JSON, and the answer is the result.
const endpoint = createServer(async (request, response) => {
  const { city } = JSON.parse(await text(request));
  response.end(`21 °C and sunny in ${city}`);
});
endpoint.listen(0, "127.0.0.1");
await once(endpoint, "listening");
const url = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`;

const client = createAgentClient({ baseUrl: process.env.DRAGOMAN_SERVER ?? "http://127.0.0.1:50051" });
const sessionId = crypto.randomUUID();
await client.sessions.createSession({ sessionId });
const parameters = toValue({ type: "object", properties: { city: { type: "string" } }, required: ["city"] });
const tool = { name: "weather", description: "The weather in a city.", parameters };
const executor = { kind: { case: "http", value: { url } } } as const;
await client.tools.registerTools({ sessionId, tools: [{ tool, executor }] });

// Every agent is offered it. The call, its result and the answer are one run.
const messages = [{ id: "m1", role: "user" as const, content: 'use tool weather with {"city": "Rome"}' }];
for await (const { event } of client.run({ threadId: sessionId, messages }, { agentId: "demo" })) {
  if (event.type === "TOOL_CALL_RESULT") console.log(event.content);
}
client.close();
endpoint.close();
