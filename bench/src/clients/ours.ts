import { create } from "@bufbuild/protobuf";
import { Http2SessionManager } from "@connectrpc/connect-node";
import { createEventTransport, runAgent } from "@dragoman/client";
import { createAgentClient, createHttp2Client } from "@dragoman/client/node";
import { RunAgentRequestSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import { writePlan } from "../workload.ts";
import { type ReadOrder, type ReadResult, readAll } from "./read.ts";

/** Reads with our client's event iterator, one call as it is. */
async function read(order: ReadOrder): Promise<ReadResult> {
  const baseUrl = `http://127.0.0.1:${order.port}`;
  const sessions = new Http2SessionManager(baseUrl, {}, { settings: { initialWindowSize: 1 << 24 } });
  const transport = createEventTransport({ baseUrl, protocol: "grpc", client: createHttp2Client(sessions) });
  try {
    return await readAll(
      order,
      async (input) => {
        let events = 0;
        let characters = 0;
        for await (const item of runAgent(transport, create(RunAgentRequestSchema, { input }))) {
          if (item.kind !== "event") continue;
          events++;
          if (item.event.type === "TEXT_MESSAGE_CONTENT") characters += item.event.delta.length;
        }
        return { events, characters };
      },
      writePlan,
    );
  } finally {
    sessions.abort();
  }
}

/** Reads with our client's runs, which survive cut connections. */
async function readResuming(order: ReadOrder): Promise<ReadResult> {
  const client = createAgentClient({ baseUrl: `http://127.0.0.1:${order.port}`, streamWindowBytes: 1 << 24 });
  try {
    return await readAll(
      order,
      async (ids) => {
        let events = 0;
        let characters = 0;
        for await (const { event } of client.run({ ...ids, messages: [] })) {
          events++;
          if (event.type === "TEXT_MESSAGE_CONTENT") characters += event.delta.length;
        }
        return { events, characters };
      },
      writePlan,
    );
  } finally {
    client.close();
  }
}

export const commands = { read, readResuming };
