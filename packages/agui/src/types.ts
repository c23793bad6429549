/**
 * The vocabulary of AG-UI 1.0 as its JSON form has it, with every optional field either present or absent.
 * Structurally the types of `@ag-ui/core`; see https://docs.ag-ui.com/spec/1.0 for their meaning.
 */

/** Any JSON value. Typed loosely, as AG-UI leaves it open. */
export type Json = unknown;
/** A JSON object. */
export type JsonObject = { [key: string]: Json };

/** What every event may carry. */
export interface BaseEvent {
  /** Milliseconds since 1970. */
  timestamp?: number;
  /** The event of the framework behind the agent, any value but null. */
  rawEvent?: Json;
  /** Merged per key into the message or tool call that the event addresses. */
  metadata?: JsonObject;
}

/** An event that may belong to a subagent. */
export interface OwnedEvent extends BaseEvent {
  subagentRunId?: string;
}

export interface TextMessageStartEvent extends OwnedEvent {
  type: "TEXT_MESSAGE_START";
  messageId: string;
  role?: TextMessageRole;
  name?: string;
}
export interface TextMessageContentEvent extends OwnedEvent {
  type: "TEXT_MESSAGE_CONTENT";
  messageId: string;
  delta: string;
}
export interface TextMessageEndEvent extends OwnedEvent {
  type: "TEXT_MESSAGE_END";
  messageId: string;
}
export interface TextMessageChunkEvent extends OwnedEvent {
  type: "TEXT_MESSAGE_CHUNK";
  messageId?: string;
  role?: TextMessageRole;
  delta?: string;
  name?: string;
}
export type TextMessageRole = "developer" | "system" | "assistant" | "user";

export interface ToolCallStartEvent extends OwnedEvent {
  type: "TOOL_CALL_START";
  toolCallId: string;
  toolCallName: string;
  parentMessageId?: string;
}
export interface ToolCallArgsEvent extends OwnedEvent {
  type: "TOOL_CALL_ARGS";
  toolCallId: string;
  delta: string;
}
export interface ToolCallEndEvent extends OwnedEvent {
  type: "TOOL_CALL_END";
  toolCallId: string;
}
export interface ToolCallChunkEvent extends OwnedEvent {
  type: "TOOL_CALL_CHUNK";
  toolCallId?: string;
  toolCallName?: string;
  parentMessageId?: string;
  delta?: string;
}
export interface ToolCallResultEvent extends OwnedEvent {
  type: "TOOL_CALL_RESULT";
  messageId: string;
  toolCallId: string;
  content: string | ContentPart[];
  role?: "tool";
}

export interface StateSnapshotEvent extends OwnedEvent {
  type: "STATE_SNAPSHOT";
  snapshot: Json;
}
export interface StateDeltaEvent extends OwnedEvent {
  type: "STATE_DELTA";
  delta: JsonPatchOperation[];
}
export interface MessagesSnapshotEvent extends BaseEvent {
  type: "MESSAGES_SNAPSHOT";
  messages: Message[];
}
export interface ActivitySnapshotEvent extends OwnedEvent {
  type: "ACTIVITY_SNAPSHOT";
  messageId: string;
  activityType: string;
  content: JsonObject;
  /** Whether it replaces an activity of the same id. Default true. */
  replace?: boolean;
}
export interface ActivityDeltaEvent extends OwnedEvent {
  type: "ACTIVITY_DELTA";
  messageId: string;
  activityType: string;
  patch: JsonPatchOperation[];
}

export interface RawEvent extends OwnedEvent {
  type: "RAW";
  event: Json;
  source?: string;
}
export interface CustomEvent extends OwnedEvent {
  type: "CUSTOM";
  name: string;
  value: Json;
}

export interface RunStartedEvent extends BaseEvent {
  type: "RUN_STARTED";
  threadId: string;
  runId: string;
  protocolVersion?: string;
  parentRunId?: string;
  input?: RunAgentInput;
}
export interface RunFinishedEvent extends BaseEvent {
  type: "RUN_FINISHED";
  threadId: string;
  runId: string;
  result?: Json;
  /** Absent means success. */
  outcome?: RunOutcome;
  usage?: TokenUsage[];
}
export interface RunErrorEvent extends BaseEvent {
  type: "RUN_ERROR";
  message: string;
  code?: string;
  usage?: TokenUsage[];
}
export interface StepStartedEvent extends OwnedEvent {
  type: "STEP_STARTED";
  stepName: string;
}
export interface StepFinishedEvent extends OwnedEvent {
  type: "STEP_FINISHED";
  stepName: string;
}

export interface ReasoningStartEvent extends OwnedEvent {
  type: "REASONING_START";
  messageId: string;
}
export interface ReasoningMessageStartEvent extends OwnedEvent {
  type: "REASONING_MESSAGE_START";
  messageId: string;
  role: "reasoning";
}
export interface ReasoningMessageContentEvent extends OwnedEvent {
  type: "REASONING_MESSAGE_CONTENT";
  messageId: string;
  delta: string;
}
export interface ReasoningMessageEndEvent extends OwnedEvent {
  type: "REASONING_MESSAGE_END";
  messageId: string;
}
export interface ReasoningMessageChunkEvent extends OwnedEvent {
  type: "REASONING_MESSAGE_CHUNK";
  messageId?: string;
  delta?: string;
}
export interface ReasoningEndEvent extends OwnedEvent {
  type: "REASONING_END";
  messageId: string;
}
export interface ReasoningEncryptedValueEvent extends OwnedEvent {
  type: "REASONING_ENCRYPTED_VALUE";
  subtype: "tool-call" | "message";
  entityId: string;
  encryptedValue: string;
}

export interface SubagentStartedEvent extends BaseEvent {
  type: "SUBAGENT_STARTED";
  subagentRunId: string;
  name: string;
  description?: string;
  parentSubagentRunId?: string;
  parentToolCallId?: string;
  parentMessageId?: string;
}
export interface SubagentFinishedEvent extends BaseEvent {
  type: "SUBAGENT_FINISHED";
  subagentRunId: string;
  result?: Json;
  outcome?: SubagentOutcome;
}
export interface SubagentErrorEvent extends BaseEvent {
  type: "SUBAGENT_ERROR";
  subagentRunId: string;
  message: string;
  code?: string;
}

/** An event of AG-UI 1.0. */
export type AguiEvent =
  | TextMessageStartEvent
  | TextMessageContentEvent
  | TextMessageEndEvent
  | TextMessageChunkEvent
  | ToolCallStartEvent
  | ToolCallArgsEvent
  | ToolCallEndEvent
  | ToolCallChunkEvent
  | ToolCallResultEvent
  | StateSnapshotEvent
  | StateDeltaEvent
  | MessagesSnapshotEvent
  | ActivitySnapshotEvent
  | ActivityDeltaEvent
  | RawEvent
  | CustomEvent
  | RunStartedEvent
  | RunFinishedEvent
  | RunErrorEvent
  | StepStartedEvent
  | StepFinishedEvent
  | ReasoningStartEvent
  | ReasoningMessageStartEvent
  | ReasoningMessageContentEvent
  | ReasoningMessageEndEvent
  | ReasoningMessageChunkEvent
  | ReasoningEndEvent
  | ReasoningEncryptedValueEvent
  | SubagentStartedEvent
  | SubagentFinishedEvent
  | SubagentErrorEvent;

/** The name of an event type. */
export type EventTypeName = AguiEvent["type"];
/** The event of one type. */
export type EventOf<T extends EventTypeName> = Extract<AguiEvent, { type: T }>;

export type RunOutcome =
  | { type: "success"; pendingToolCallIds?: string[] }
  | { type: "interrupt"; interrupts: Interrupt[] }
  | { type: "cancelled" };
export type SubagentOutcome = { type: "success" } | { type: "suspended"; interruptIds?: string[] };

/** A question to people that a run ended with. */
export interface Interrupt {
  id: string;
  reason: string;
  message?: string;
  toolCallId?: string;
  responseSchema?: JsonObject;
  /** ISO 8601. */
  expiresAt?: string;
  metadata?: JsonObject;
  subagentRunId?: string;
}

/** The answer to an interrupt. */
export interface ResumeEntry {
  interruptId: string;
  status: "resolved" | "cancelled";
  payload?: Json;
  metadata?: JsonObject;
}

export interface TokenUsage {
  provider?: string;
  model?: string;
  inputTokens?: number;
  outputTokens?: number;
  totalTokens?: number;
  reasoningTokens?: number;
  cachedInputTokens?: number;
  cacheWriteInputTokens?: number;
}

/**
 * One operation of RFC 6902. Operations are open in JSON: members that the operation does not define
 * are ignored. `path` and `from` are JSON Pointers (RFC 6901).
 */
export type JsonPatchOperation =
  | { op: "add"; path: string; value: Json }
  | { op: "remove"; path: string }
  | { op: "replace"; path: string; value: Json }
  | { op: "move"; path: string; from: string }
  | { op: "copy"; path: string; from: string }
  | { op: "test"; path: string; value: Json };

interface MessageBase {
  id: string;
  metadata?: JsonObject;
  subagentRunId?: string;
}
interface BaseMessage extends MessageBase {
  /** Provider's opaque reasoning artefact, returned on a later turn unread. */
  encryptedValue?: string;
}
export interface DeveloperMessage extends BaseMessage {
  role: "developer";
  content: string;
  name?: string;
}
export interface SystemMessage extends BaseMessage {
  role: "system";
  content: string;
  name?: string;
}
export interface AssistantMessage extends BaseMessage {
  role: "assistant";
  content?: string;
  name?: string;
  toolCalls?: ToolCall[];
}
export interface UserMessage extends BaseMessage {
  role: "user";
  content: string | ContentPart[];
  name?: string;
}
export interface ToolMessage extends BaseMessage {
  role: "tool";
  content: string | ContentPart[];
  toolCallId: string;
  error?: string;
}
export interface ActivityMessage extends MessageBase {
  role: "activity";
  activityType: string;
  content: JsonObject;
}
export interface ReasoningMessage extends BaseMessage {
  role: "reasoning";
  content: string;
}
export type Message =
  | DeveloperMessage
  | SystemMessage
  | AssistantMessage
  | UserMessage
  | ToolMessage
  | ActivityMessage
  | ReasoningMessage;

export interface ToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
  encryptedValue?: string;
  metadata?: JsonObject;
}

export type ContentPart =
  | { type: "text"; text: string; id?: string; metadata?: Json }
  | { type: "image" | "audio" | "video" | "document"; source: PartSource; id?: string; metadata?: Json };
export type PartSource =
  | { type: "data"; value: string; mimeType: string }
  | { type: "url"; value: string; mimeType?: string }
  | { type: "file"; value: string; provider?: string; mimeType?: string };

export interface Tool {
  name: string;
  description: string;
  /** JSON Schema of the arguments. */
  parameters?: Json;
  metadata?: JsonObject;
}
export interface Context {
  description: string;
  value: string;
}

/** What a run begins with. */
export interface RunAgentInput {
  threadId: string;
  runId: string;
  messages: Message[];
  protocolVersion?: string;
  parentRunId?: string;
  state?: Json;
  tools?: Tool[];
  context?: Context[];
  forwardedProps?: Json;
  resume?: ResumeEntry[];
}

/** What an agent can do, as AG-UI declares it. Informative, not binding. */
export interface AgentCapabilities {
  identity?: IdentityCapabilities;
  transport?: TransportCapabilities;
  tools?: ToolsCapabilities;
  output?: OutputCapabilities;
  state?: StateCapabilities;
  multiAgent?: MultiAgentCapabilities;
  reasoning?: ReasoningCapabilities;
  multimodal?: MultimodalCapabilities;
  execution?: ExecutionCapabilities;
  humanInTheLoop?: HumanInTheLoopCapabilities;
  custom?: JsonObject;
}
/** Who the agent is. */
export interface IdentityCapabilities {
  name?: string;
  type?: string;
  description?: string;
  version?: string;
  provider?: string;
  documentationUrl?: string;
  metadata?: JsonObject;
}
/** How runs are carried. */
export interface TransportCapabilities {
  streaming?: boolean;
  websocket?: boolean;
  httpBinary?: boolean;
  pushNotifications?: boolean;
  resumable?: boolean;
}
/** Which tools the agent has and takes. */
export interface ToolsCapabilities {
  supported?: boolean;
  items?: Tool[];
  parallelCalls?: boolean;
  clientProvided?: boolean;
}
/** What forms answers take. */
export interface OutputCapabilities {
  structuredOutput?: boolean;
  supportedMimeTypes?: string[];
}
/** How state is shared. */
export interface StateCapabilities {
  snapshots?: boolean;
  deltas?: boolean;
  memory?: boolean;
  persistentState?: boolean;
}
/** How the agent works with other agents. */
export interface MultiAgentCapabilities {
  supported?: boolean;
  delegation?: boolean;
  handoffs?: boolean;
  subagents?: SubagentInfo[];
}
/** One subagent that the agent may call. */
export interface SubagentInfo {
  name: string;
  description?: string;
}
/** Whether the agent shows its reasoning. */
export interface ReasoningCapabilities {
  supported?: boolean;
  streaming?: boolean;
  encrypted?: boolean;
}
/** Which media the agent takes and gives. */
export interface MultimodalCapabilities {
  input?: { image?: boolean; audio?: boolean; video?: boolean; pdf?: boolean; file?: boolean };
  output?: { image?: boolean; audio?: boolean };
}
/** How the agent executes. `maxExecutionTime` is in milliseconds. */
export interface ExecutionCapabilities {
  codeExecution?: boolean;
  sandboxed?: boolean;
  maxIterations?: number;
  maxExecutionTime?: number;
}
/** How people take part. */
export interface HumanInTheLoopCapabilities {
  supported?: boolean;
  approvals?: boolean;
  interventions?: boolean;
  feedback?: boolean;
  interrupts?: boolean;
  approveWithEdits?: boolean;
}
