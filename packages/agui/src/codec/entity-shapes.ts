import {
  type ContentField,
  integer,
  message,
  messages,
  object,
  oneOf,
  optional,
  pointer,
  required,
  type Shape,
  shape,
  strings,
  union,
  value,
} from "./shape.ts";

/** The names of the operations of RFC 6902, by their number on the wire. */
export const PATCH_OPERATIONS = ["add", "remove", "replace", "move", "copy", "test"] as const;
const operation = (...fields: Parameters<typeof shape>[1]): Shape =>
  shape("JsonPatchOperation", [pointer(2, "path"), ...fields], 0, true);

/** An operation of a JSON Patch. Its members are open, as RFC 6902 wants it. */
export const PATCH_OPERATION = union("JsonPatchOperation", "op", {
  add: operation(value(4, "value", true)),
  remove: operation(),
  replace: operation(value(4, "value", true)),
  move: operation(pointer(3, "from", true)),
  copy: operation(pointer(3, "from", true)),
  test: operation(value(4, "value", true)),
});

/** Where the bytes of a media part are. */
export const PART_SOURCE = union("PartSource", "type", {
  data: shape("DataSource", [required(1, "value"), required(2, "mimeType")], 1),
  url: shape("UrlSource", [required(1, "value"), optional(2, "mimeType")], 2),
  file: shape("FileSource", [required(1, "value"), optional(2, "provider"), optional(3, "mimeType")], 3),
});

const media = (name: string, arm: number): Shape =>
  shape(name, [message(1, "source", PART_SOURCE, true), value(2, "metadata"), optional(3, "id")], arm);

/** A part of a message. */
export const CONTENT_PART = union("ContentPart", "type", {
  text: shape("TextPart", [required(1, "text"), optional(2, "id"), value(3, "metadata")], 1),
  image: media("ImagePart", 2),
  audio: media("AudioPart", 3),
  video: media("VideoPart", 4),
  document: media("DocumentPart", 5),
});

/** Content that is a string or a list of parts. */
export const content = (number: number, partsNumber: number): ContentField => ({
  kind: "content",
  name: "content",
  number,
  partsNumber,
  required: true,
  parts: CONTENT_PART,
});

const FUNCTION_CALL = shape("FunctionCall", [required(1, "name"), required(2, "arguments")]);
export const TOOL_CALL = shape("ToolCall", [
  required(1, "id"),
  oneOf(2, "type", ["function"]),
  message(3, "function", FUNCTION_CALL, true),
  object(4, "metadata"),
  optional(5, "encryptedValue"),
]);

const id = required(1, "id");
const name = optional(4, "name");
const metadata = object(9, "metadata");
const subagentRunId = optional(10, "subagentRunId");
const encryptedValue = optional(11, "encryptedValue");
const text = required(3, "content", true);

/** A message of a conversation: one protobuf message for all roles. */
export const MESSAGE = union("Message", "role", {
  developer: shape("DeveloperMessage", [id, text, name, metadata, subagentRunId, encryptedValue]),
  system: shape("SystemMessage", [id, text, name, metadata, subagentRunId, encryptedValue]),
  assistant: shape("AssistantMessage", [
    id,
    optional(3, "content"),
    name,
    messages(5, "toolCalls", TOOL_CALL),
    metadata,
    subagentRunId,
    encryptedValue,
  ]),
  user: shape("UserMessage", [id, content(3, 8), name, metadata, subagentRunId, encryptedValue]),
  tool: shape("ToolMessage", [
    id,
    content(3, 8),
    required(6, "toolCallId", true),
    optional(7, "error"),
    metadata,
    subagentRunId,
    encryptedValue,
  ]),
  activity: shape("ActivityMessage", [
    id,
    metadata,
    subagentRunId,
    required(12, "activityType", true),
    object(13, "content", true),
  ]),
  reasoning: shape("ReasoningMessage", [id, text, metadata, subagentRunId, encryptedValue]),
});

export const TOOL = shape("Tool", [
  required(1, "name"),
  required(2, "description"),
  value(3, "parameters"),
  object(4, "metadata"),
]);
export const CONTEXT = shape("Context", [required(1, "description"), required(2, "value")]);
export const RESUME_ENTRY = shape("ResumeEntry", [
  required(1, "interruptId"),
  oneOf(2, "status", ["resolved", "cancelled"]),
  value(3, "payload"),
  object(4, "metadata"),
]);
export const INTERRUPT = shape("Interrupt", [
  required(1, "id"),
  required(2, "reason"),
  optional(3, "message"),
  optional(4, "toolCallId"),
  object(5, "responseSchema", false, true),
  optional(6, "expiresAt"),
  object(7, "metadata", false, true),
  optional(8, "subagentRunId"),
]);
export const TOKEN_USAGE = shape("TokenUsage", [
  optional(1, "provider"),
  optional(2, "model"),
  integer(3, "inputTokens", 0),
  integer(4, "outputTokens", 0),
  integer(5, "totalTokens", 0),
  integer(6, "reasoningTokens", 0),
  integer(7, "cachedInputTokens", 0),
  integer(8, "cacheWriteInputTokens", 0),
]);

/** What a run begins with. */
export const RUN_AGENT_INPUT = shape("RunAgentInput", [
  required(1, "threadId"),
  required(2, "runId"),
  optional(3, "parentRunId"),
  value(4, "state"),
  messages(5, "messages", MESSAGE, true),
  messages(6, "tools", TOOL),
  messages(7, "context", CONTEXT),
  value(8, "forwardedProps"),
  messages(9, "resume", RESUME_ENTRY),
  optional(10, "protocolVersion"),
]);

/** Why a run ended. Its members lie in RunFinishedEvent itself on the wire. */
export const RUN_OUTCOME = union("RunOutcome", "type", {
  success: shape("RunSuccess", [strings(8, "pendingToolCallIds")]),
  interrupt: shape("RunInterrupt", [messages(6, "interrupts", INTERRUPT, true, 1)]),
  cancelled: shape("RunCancelled", []),
});
/** Why a subagent's part of a run ended. Its members lie in SubagentFinishedEvent itself on the wire. */
export const SUBAGENT_OUTCOME = union("SubagentOutcome", "type", {
  success: shape("SubagentSuccess", []),
  suspended: shape("SubagentSuspended", [strings(5, "interruptIds")]),
});
