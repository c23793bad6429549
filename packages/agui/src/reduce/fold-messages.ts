import type { ActivityMessage, EventOf, Message } from "../types.ts";
import { type Conversation, mergeMetadata } from "./messages.ts";

type Start = EventOf<"TEXT_MESSAGE_START" | "REASONING_MESSAGE_START">;
type Content = EventOf<"TEXT_MESSAGE_CONTENT" | "REASONING_MESSAGE_CONTENT">;
type End = EventOf<"TEXT_MESSAGE_END" | "REASONING_MESSAGE_END">;

/** Opens a message, or opens a known one again: it keeps its content, and what follows is appended. */
export function foldMessageStart(conversation: Conversation, event: Start): void {
  const existing = conversation.messages.get(event.messageId);
  if (existing?.role === "activity") {
    warnOfKind(conversation, event.type, existing);
    return;
  }
  const message = existing ?? newMessage(event);
  mergeMetadata(message, event.metadata);
  if (existing === undefined) conversation.messages.append(message);
}

export function foldContent(conversation: Conversation, event: Content): void {
  const message = streamed(conversation, event);
  if (message === undefined) return;
  message.content = typeof message.content === "string" ? message.content + event.delta : event.delta;
  mergeMetadata(message, event.metadata);
}

export function foldMessageEnd(conversation: Conversation, event: End): void {
  const message = streamed(conversation, event);
  if (message !== undefined) mergeMetadata(message, event.metadata);
}

/** Reports an event whose message is of another kind than the event. */
export function warnOfKind({ warn }: Conversation, type: string, { id, role }: Message): void {
  warn("message_kind_mismatch", `${type} names message '${id}', which has the role '${role}'.`);
}

/** The message that a delta or an end is for. An activity's content is no text to append to. */
function streamed(
  conversation: Conversation,
  { type, messageId }: Content | End,
): Exclude<Message, ActivityMessage> | undefined {
  const message = conversation.messages.get(messageId);
  if (message === undefined) {
    conversation.warn("unknown_message", `${type} names message '${messageId}', which does not exist.`);
    return undefined;
  }
  if (message.role !== "activity") return message;
  warnOfKind(conversation, type, message);
  return undefined;
}

function newMessage(event: Start): Message {
  const owner = event.subagentRunId == null ? {} : { subagentRunId: event.subagentRunId };
  if (event.type === "REASONING_MESSAGE_START") {
    return { id: event.messageId, role: "reasoning", content: "", ...owner };
  }
  const name = event.name === undefined ? {} : { name: event.name };
  return { id: event.messageId, role: event.role ?? "assistant", content: "", ...name, ...owner };
}
