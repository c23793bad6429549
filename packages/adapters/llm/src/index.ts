export type { BackendTool, ToolContext } from "./backend-tool.ts";
export { createAgent } from "./create-agent.ts";
export { LlmError, type LlmErrorCode } from "./errors.ts";
export type { LlmOptions } from "./options.ts";
