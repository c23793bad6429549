import { create, toBinary } from "@bufbuild/protobuf";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { RunAgentRequestSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import type { AttachMode } from "@dragoman/contract/orchestrator/v1/cursor_pb";
import { ObserveRunRequestSchema } from "@dragoman/contract/orchestrator/v1/run_service_pb";
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

/** A run that was started, and where. */
export interface RunIds {
  readonly threadId: string;
  readonly runId: string;
}

/** Ids of a run that nobody has started yet. */
export function newRunIds(plan: Plan): RunIds {
  unique++;
  return { threadId: `thread-${process.pid}-${unique}`, runId: writePlan(plan, unique) };
}

/** Makes a request to observe a run over gRPC. */
export function makeObserveRequest({ threadId, runId }: RunIds, mode: AttachMode): LoadRequest {
  const message = create(ObserveRunRequestSchema, { sessionId: threadId, runId, mode });
  return grpcRequest(
    "/orchestrator.v1.RunService/ObserveRun",
    toBinary(ObserveRunRequestSchema, message),
    "grpc",
  );
}

/** Makes a request for a plan. Every one is a run of its own, in a thread of its own. */
export function makeRequest(protocol: LoadProtocol, plan: Plan): LoadRequest {
  return makeRunRequest(protocol, newRunIds(plan));
}

/** Makes a request to start a run. */
export function makeRunRequest(protocol: LoadProtocol, { threadId, runId }: RunIds): LoadRequest {
  if (protocol === "sse") {
    const headers = { "content-type": "application/json", accept: "text/event-stream" };
    const input = { threadId, runId, messages: [], tools: [], context: [], protocolVersion: "1.0" };
    return { path: "/", headers, body: Buffer.from(JSON.stringify(input)) };
  }
  const message = create(RunAgentRequestSchema, { input: { threadId, runId } });
  return grpcRequest("/agent.v1.AGUIService/RunAgent", toBinary(RunAgentRequestSchema, message), protocol);
}

function grpcRequest(path: string, message: Uint8Array, protocol: Exclude<LoadProtocol, "sse">): LoadRequest {
  const headers = {
    "content-type": `application/${protocol}+proto`,
    ...(protocol === "grpc" && { te: "trailers" }),
  };
  return { path, headers, body: encodeEnvelope(0, message) };
}
