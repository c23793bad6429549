import type { AssistantMessage, EventOf, ToolCall, ToolMessage } from "../types.ts";
import { warnOfKind } from "./fold-messages.ts";
import { type Conversation, mergeMetadata } from "./messages.ts";

/** Opens a tool call. One that is known keeps its arguments: the same start may come twice. */
export function foldToolCallStart(conversation: Conversation, event: EventOf<"TOOL_CALL_START">): void {
  const { toolCallId, toolCallName, metadata } = event;
  const existing = conversation.messages.toolCall(toolCallId)?.call;
  if (existing === undefined) {
    const call: ToolCall = {
      id: toolCallId,
      type: "function",
      function: { name: toolCallName, arguments: "" },
    };
    mergeMetadata(call, metadata);
    conversation.messages.addToolCall(carrierOf(conversation, event), call);
    return;
  }
  if (existing.function.name !== toolCallName) {
    conversation.warn(
      "tool_call_renamed",
      `Tool call '${toolCallId}' was '${existing.function.name}' and is started again as '${toolCallName}'.`,
    );
    existing.function.name = toolCallName;
  }
  mergeMetadata(existing, metadata);
}

export function foldArguments(conversation: Conversation, event: EventOf<"TOOL_CALL_ARGS">): void {
  const call = knownCall(conversation, event);
  if (call === undefined) return;
  call.function.arguments += event.delta;
  mergeMetadata(call, event.metadata);
}

export function foldToolCallEnd(conversation: Conversation, event: EventOf<"TOOL_CALL_END">): void {
  const call = knownCall(conversation, event);
  if (call !== undefined) mergeMetadata(call, event.metadata);
}

/** Puts a result where model providers demand it: behind the message that asked, whatever came since. */
export function foldToolResult(conversation: Conversation, event: EventOf<"TOOL_CALL_RESULT">): void {
  const { messageId, toolCallId, content, subagentRunId } = event;
  const answer: ToolMessage = { id: messageId, role: "tool", toolCallId, content };
  if (subagentRunId != null) answer.subagentRunId = subagentRunId;
  mergeMetadata(answer, event.metadata);
  const asking = conversation.messages.toolCall(toolCallId)?.message;
  if (asking !== undefined) {
    conversation.messages.insertAnswer(answer, asking);
    return;
  }
  conversation.messages.append(answer);
  conversation.warn(
    "orphan_tool_result",
    `The result '${messageId}' answers tool call '${toolCallId}', which nothing made.`,
  );
}

/** The message for a tool call: the parent it names, or a new one under the parent's or the call's own id. */
function carrierOf(conversation: Conversation, event: EventOf<"TOOL_CALL_START">): AssistantMessage {
  const { messages } = conversation;
  const { toolCallId, parentMessageId, subagentRunId } = event;
  const parent = parentMessageId ? messages.get(parentMessageId) : undefined;
  if (parent?.role === "assistant") return parent;
  if (parent !== undefined) warnOfKind(conversation, event.type, parent);
  const id = parentMessageId && parent === undefined ? parentMessageId : toolCallId;
  const created: AssistantMessage = { id, role: "assistant", toolCalls: [] };
  if (subagentRunId != null && messages.get(id) === undefined) created.subagentRunId = subagentRunId;
  messages.append(created);
  return created;
}

function knownCall(
  { messages, warn }: Conversation,
  { type, toolCallId }: EventOf<"TOOL_CALL_ARGS" | "TOOL_CALL_END">,
): ToolCall | undefined {
  const placed = messages.toolCall(toolCallId);
  if (placed === undefined) {
    warn("unknown_tool_call", `${type} names tool call '${toolCallId}', which does not exist.`);
  }
  return placed?.call;
}
