import { createAgentClient } from "@dragoman/client/node";
import { BatchItemState as ItemState } from "@dragoman/contract/orchestrator/v1/batch_pb";

const baseUrl = process.env.DRAGOMAN_SERVER ?? "http://127.0.0.1:50051";
const client = createAgentClient({ baseUrl });

const questions = ["What is 6 * 7?", "What is 1 + 1?", "say hello"];
const items = questions.map((content) => ({
  agentId: "demo",
  input: { messages: [{ id: "m1", role: "user", content }] },
}));

// The id makes a retry safe: sent again, also after a restart of the server, it joins the batch.
const batchId = crypto.randomUUID();
for await (const { item } of client.batches.batchRunAgent({ batchId, items, options: { parallelism: 2 } })) {
  if (item.case === "result" && item.value.state === ItemState.SUCCEEDED)
    console.log(`${item.value.index}: ${item.value.content}`);
  if (item.case === "batch" && item.value.endTime) console.log(`${item.value.succeededCount} succeeded`);
}
client.close();
