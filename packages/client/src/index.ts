export { createReducer } from "@dragoman/agui";
export {
  type AgentClient,
  type AgentClientParts,
  type AttachOptions,
  agentClientOn,
  type StreamOptions,
} from "./agent-client.ts";
export {
  type AgentAnswer,
  type AgentEvent,
  type AgentEventData,
  type AgentOutcome,
  type AgentUsage,
  type SpawnAnswer,
  toAgentAnswer,
  toAgentEvent,
  toSpawnAnswer,
} from "./agent-loop.ts";
export type { ResumeAttempt, ResumeOptions } from "./backoff.ts";
export type { ByteClient, ByteRequest, ByteSink, ByteStream } from "./byte-stream.ts";
export { type Collected, type CollectOptions, collect } from "./collect.ts";
export { errorInfoOf, errorReasonOf } from "./error-reason.ts";
export type { EventStream } from "./event-stream.ts";
export {
  type CallOptions,
  createEventTransport,
  type EventTransport,
  type EventTransportOptions,
  type StreamMethodName,
  type StreamRequest,
} from "./event-transport.ts";
export { type AgentClientOptions, createAgentClient } from "./fetch-agent-client.ts";
export { createFetchClient } from "./fetch-client.ts";
export type { HeaderSource } from "./headers.ts";
export { fromStatePatch, fromValue, toStatePatch, toValue } from "./json-value.ts";
export type { ResumingStream } from "./resuming-stream.ts";
export { type AnyTransport, observeRun, observeSession, runAgent } from "./run-agent.ts";
export type { AttachModeName, RunInput, StartOptions } from "./run-request.ts";
export type { AbortOptions, RunStream } from "./run-stream.ts";
export { createStockEventTransport } from "./stock-event-transport.ts";
export type {
  CaughtUpItem,
  ClientEvent,
  EventItem,
  HeartbeatItem,
  StreamItem,
  UnknownItem,
} from "./stream-item.ts";
export { type TypedClients, typedClients } from "./typed-clients.ts";
export type { ProtocolName } from "./wire-protocol.ts";
