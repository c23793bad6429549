export type { DisconnectPolicy } from "./active-run.ts";
export type { Answer, AnswerUsage } from "./answer/answer.ts";
export { type AnswerDelta, AnswerFinder, type AnswerSink } from "./answer/answer-finder.ts";
export { AnswerFold } from "./answer/answer-fold.ts";
export { answerOf, readAnswer } from "./answer/read-answer.ts";
export type { AttachMode, Attachment, AttachOptions } from "./attachment.ts";
export { type ChatStatus, sameStatus } from "./chat/chat-status.ts";
export type { ChatWatch } from "./chat/chat-watch.ts";
export type { Chats, OpenChat, OpenChatOptions } from "./chat/chats.ts";
export type { ChatOutcome } from "./chat/said-messages.ts";
export type { ChatMessage } from "./chat/say-message.ts";
export { type Created, creationClock } from "./creation.ts";
export {
  type AgentSource,
  Engine,
  type EngineOptions,
  openEngine,
  type SessionDefaults,
  type SessionView,
  type StartedRun,
} from "./engine.ts";
export type { InterruptInfo, RunInfo, RunState, SessionInfo, SessionOptions } from "./entries.ts";
export { EngineError, type EngineErrorReason, limitReached, quote } from "./errors.ts";
export type { EventFilter, SessionEvent } from "./events/event-filter.ts";
export type { EventWatch, EventWatchOptions, EventWatchResult } from "./events/event-watch.ts";
export type { ReplayOptions, ReplayPage } from "./events/replay-events.ts";
export type { SessionEvents } from "./events/session-events.ts";
export { runErrorCodes } from "./execute-context.ts";
export { expireTimeOf } from "./expiry/expire-time.ts";
export { fingerprintOf } from "./fingerprint.ts";
export { IdleWait } from "./idle-wait.ts";
export { expireTimeOf as interruptExpireTimeOf } from "./interrupts/check-answer.ts";
export type {
  InterruptFilter,
  InterruptWatch,
  InterruptWatchOptions,
  InterruptWatchResult,
} from "./interrupts/interrupt-watch.ts";
export type { Interrupts } from "./interrupts/interrupts.ts";
export type { Resolved, ResolveRequest } from "./interrupts/resolve.ts";
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
export type { SpawnRequest } from "./spawn/spawn-request.ts";
export type { Spawns } from "./spawn/spawns.ts";
export type { RunRequest } from "./start-run.ts";
export type { SessionStates, StateUpdate, StateView, UpdatedState } from "./state/session-states.ts";
export type { StateWatch, StateWatchOptions, StateWatchResult } from "./state/state-watch.ts";
export { storageError } from "./storage-error.ts";
export type { Place, Surfaces } from "./surface/surfaces.ts";
export type { AcceptedResult, SubmittedResult } from "./tools/submit-result.ts";
export type {
  FunctionTool,
  ToolCall,
  ToolDefinition,
  ToolExecutor,
  ToolInfo,
  ToolOutcome,
  ToolSettings,
} from "./tools/tool.ts";
export type { ListToolsQuery } from "./tools/tool-registry.ts";
export type { ExecutedTool, ExecuteToolRequest, Tools } from "./tools/tools.ts";
