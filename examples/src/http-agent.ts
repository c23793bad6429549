import { HttpAgent } from "@ag-ui/client";

const baseUrl = process.env.DRAGOMAN_SERVER ?? "http://127.0.0.1:50051";
const agent = new HttpAgent({ url: `${baseUrl}/agents/demo` });

agent.addMessage({ id: crypto.randomUUID(), role: "user", content: "What is 6 * 7?" });
await agent.runAgent();
console.log(agent.messages.at(-1)?.content);
