import { createAgentClient } from "@dragoman/client/node";
import { ChatMode } from "@dragoman/contract/orchestrator/v1/chat_service_pb";

const baseUrl = process.env.DRAGOMAN_SERVER ?? "http://127.0.0.1:50051";
const client = createAgentClient({ baseUrl });

const say = (id: string, content: string) => {
  const message = { case: "message", value: { id, role: "user", content } } as const;
  return { request: { case: "input", value: { input: message } } } as const;
};
let hear = () => {};
const counting = new Promise<void>((resolve) => {
  hear = resolve;
});

async function* requests() {
  yield { request: { case: "init", value: { agentId: "demo", mode: ChatMode.STEER } } } as const;
  yield say("m1", "count to 100 every 50 ms");
  await counting;
  yield say("m2", "what is 6 * 7?"); // the agent answers, and counts on
  yield say("m3", "stop");
} // The end of what is said: the chat ends when the agent has answered.

for await (const { item } of client.chat.streamingChat(requests())) {
  if (item.case === "rejected") throw new Error(`${item.value.message} (${item.value.reason})`);
  if (item.case === "accepted") console.log(`${item.value.messageId}: run ${item.value.runId}`);
  if (item.case !== "event" || item.value.event.case !== "textMessageContent") continue;
  console.log(item.value.event.value.delta);
  hear();
}
client.close();
