import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";

const baseUrl = process.env.DRAGOMAN_SERVER ?? "http://127.0.0.1:50051";
const client = createClient(AGUIService, createGrpcTransport({ baseUrl }));

const messages = [{ id: "m1", role: "user", content: "What is 6 * 7?" }];
const input = { threadId: crypto.randomUUID(), runId: crypto.randomUUID(), messages };

for await (const { sequence, item } of client.runAgent({ agentId: "demo", input })) {
  if (item.case !== "event") continue;
  const { event } = item.value;
  console.log(sequence, event.case);
  if (event.case === "textMessageContent") console.log(event.value.delta);
}
