import { create, toBinary } from "@bufbuild/protobuf";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { RunAgentRequestSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import { type Plan, writePlan } from "../workload.ts";

/** The protocols that the load reads. */
export type LoadProtocol = "grpc" | "grpc-web" | "connect" | "sse";

/** The path and headers of a request, and its body. */
export interface LoadRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

let unique = 0;

/** Makes a request for a plan. Every one is a run of its own, in a thread of its own. */
export function makeRequest(protocol: LoadProtocol, plan: Plan): LoadRequest {
  unique++;
  const threadId = `thread-${process.pid}-${unique}`;
  const runId = writePlan(plan, unique);
  if (protocol === "sse") {
    const headers = { "content-type": "application/json", accept: "text/event-stream" };
    const input = { threadId, runId, messages: [], tools: [], context: [], protocolVersion: "1.0" };
    return { path: "/", headers, body: Buffer.from(JSON.stringify(input)) };
  }
  const message = create(RunAgentRequestSchema, { input: { threadId, runId } });
  return {
    path: "/agent.v1.AGUIService/RunAgent",
    headers: {
      "content-type": `application/${protocol}+proto`,
      ...(protocol === "grpc" && { te: "trailers" }),
    },
    body: encodeEnvelope(0, toBinary(RunAgentRequestSchema, message)),
  };
}
