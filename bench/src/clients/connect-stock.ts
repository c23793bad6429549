import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import { type ReadOrder, type ReadResult, readAll } from "./read.ts";

/** Reads with the generated client over Connect for Node, as its documentation says. */
async function read(order: ReadOrder): Promise<ReadResult> {
  const baseUrl = `http://127.0.0.1:${order.port}`;
  const sessionManager = new Http2SessionManager(baseUrl, {}, { settings: { initialWindowSize: 1 << 24 } });
  const client = createClient(AGUIService, createGrpcTransport({ baseUrl, sessionManager }));
  try {
    return await readAll(order, async (input, tally) => {
      for await (const { item } of client.runAgent({ input })) {
        if (item.case !== "event") continue;
        const { event } = item.value;
        tally.count(event.case === "textMessageContent" ? event.value.delta : undefined);
      }
    });
  } finally {
    sessionManager.abort();
  }
}

export const commands = { read };
