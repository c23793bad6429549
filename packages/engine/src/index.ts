export type { DisconnectPolicy } from "./active-run.ts";
export type { AttachMode, Attachment, AttachOptions } from "./attachment.ts";
export { type Created, creationClock } from "./creation.ts";
export {
  type AgentSource,
  Engine,
  type EngineOptions,
  openEngine,
  type SessionView,
  type StartedRun,
} from "./engine.ts";
export type { InterruptInfo, RunInfo, RunState, SessionInfo, SessionOptions } from "./entries.ts";
export { EngineError, type EngineErrorReason, limitReached, quote } from "./errors.ts";
export { runErrorCodes } from "./execute-context.ts";
export { fingerprintOf } from "./fingerprint.ts";
export type { EngineLimits } from "./limits.ts";
export {
  invalidPageToken,
  type ListRunsQuery,
  type ListSessionsQuery,
  listEntries,
  type Page,
  pageSizeOf,
} from "./lists.ts";
export { newId } from "./new-id.ts";
export type { Prelude } from "./prelude.ts";
export type { ReadResult } from "./reader.ts";
export type { HistoryMode } from "./reconcile-messages.ts";
export type { RunRequest } from "./start-run.ts";
export type { SessionStates, StateUpdate, StateView, UpdatedState } from "./state/session-states.ts";
export type { StateWatch, StateWatchOptions, StateWatchResult } from "./state/state-watch.ts";
export type {
  FunctionTool,
  ToolCall,
  ToolDefinition,
  ToolExecutor,
  ToolInfo,
  ToolOutcome,
  ToolSettings,
} from "./tools/tool.ts";
