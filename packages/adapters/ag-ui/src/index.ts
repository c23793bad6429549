export { type AgUiOptions, createAgent } from "./create-agent.ts";
export { UpstreamError, type UpstreamErrorCode, UpstreamTruncatedError } from "./errors.ts";
