export { createAgentClient, type NodeAgentClientOptions, type TlsOptions } from "./node/agent-client.ts";
export {
  type AgentRequest,
  createGrpcAgentClient,
  type GrpcAgentCallOptions,
  type GrpcAgentClient,
  type GrpcAgentClientOptions,
  type SpawnRequest,
} from "./node/grpc-agent-client.ts";
export { createHttp1Client, type Http1Client } from "./node/http1-client.ts";
export { createHttp2Client } from "./node/http2-client.ts";
export { Http2Sessions, type Http2SessionsOptions } from "./node/http2-sessions.ts";
