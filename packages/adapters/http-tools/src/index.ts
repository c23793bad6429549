export { createHttpToolExecutor, type HttpToolExecutorOptions } from "./create-executor.ts";
export { type HttpToolMethod, type HttpToolSettings, parseHttpToolSettings } from "./settings.ts";
export type { ToolCall, ToolExecutor, ToolOutcome } from "./tool-executor.ts";
