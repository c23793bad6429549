import { fromValue, toStatePatch, toValue } from "@dragoman/client";
import { createAgentClient } from "@dragoman/client/node";

const baseUrl = process.env.DRAGOMAN_SERVER ?? "http://127.0.0.1:50051";
const client = createAgentClient({ baseUrl });
const { session } = await client.sessions.createSession({ initialState: toValue({ cart: [] }) });
const sessionId = session?.sessionId ?? "";

/** Adds something to the cart, whoever else changes it at the same time. */
async function addItem(name: string) {
  const patch = toStatePatch([{ op: "add", path: "/cart/-", value: name }]);
  // With a request id a retry is safe: the item is added once.
  const requestId = crypto.randomUUID();
  await client.state.updateState({ sessionId, change: { case: "patch", value: patch }, requestId });
}

await Promise.all(["milk", "bread", "salt"].map(addItem));
const { state, revision } = await client.state.getState({ sessionId, keys: ["/cart"] });
console.log(`revision ${revision}:`, fromValue(state));
client.close();
