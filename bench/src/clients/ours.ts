import { create } from "@bufbuild/protobuf";
import { createEventTransport, runAgent } from "@dragoman/client";
import { createAgentClient, createHttp2Client, Http2Sessions } from "@dragoman/client/node";
import { RunAgentRequestSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import { type ReadOrder, type ReadResult, readAll } from "./read.ts";

/** Reads with our client's event iterator, one call as it is. */
async function read(order: ReadOrder): Promise<ReadResult> {
  const baseUrl = `http://127.0.0.1:${order.port}`;
  const sessions = new Http2Sessions(baseUrl, { connect: { settings: { initialWindowSize: 1 << 24 } } });
  const transport = createEventTransport({ baseUrl, protocol: "grpc", client: createHttp2Client(sessions) });
  try {
    return await readAll(order, async (input, tally) => {
      for await (const item of runAgent(transport, create(RunAgentRequestSchema, { input }))) {
        if (item.kind !== "event") continue;
        tally.count(item.event.type === "TEXT_MESSAGE_CONTENT" ? item.event.delta : undefined);
      }
    });
  } finally {
    sessions.close();
  }
}

/** Reads with our client's runs, which survive cut connections. */
async function readResuming(order: ReadOrder): Promise<ReadResult> {
  const client = createAgentClient({ baseUrl: `http://127.0.0.1:${order.port}`, streamWindowBytes: 1 << 24 });
  try {
    return await readAll(order, async (ids, tally) => {
      for await (const { event } of client.run({ ...ids, messages: [] })) {
        tally.count(event.type === "TEXT_MESSAGE_CONTENT" ? event.delta : undefined);
      }
    });
  } finally {
    client.close();
  }
}

export const commands = { read, readResuming };
