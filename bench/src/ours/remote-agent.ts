import { create } from "@bufbuild/protobuf";
import type { Agent } from "@dragoman/agent";
import { inputToMessage } from "@dragoman/agui";
import { createEventTransport, runAgent } from "@dragoman/client";
import { createHttp2Client, Http2Sessions } from "@dragoman/client/node";
import { RunAgentRequestSchema } from "@dragoman/contract/agent/v1/agui_service_pb";

/** An agent on a host that serves AGUIService over gRPC; its events keep their bytes on the way through. */
export function remoteAgent(port: number): Agent {
  const baseUrl = `http://127.0.0.1:${port}`;
  const transport = createEventTransport({
    baseUrl,
    protocol: "grpc",
    client: createHttp2Client(new Http2Sessions(baseUrl)),
  });
  return {
    async *run(input, { signal }) {
      const request = create(RunAgentRequestSchema, { input: inputToMessage(input) });
      for await (const item of runAgent(transport, request, { keepBytes: true, signal })) {
        if (item.kind !== "event") continue;
        const { event, bytes } = item;
        yield bytes === undefined ? event : { event, bytes };
      }
    },
  };
}
