import type { EventOf } from "../types.ts";
import { ViolationError } from "./rules.ts";
import type { RunState } from "./run-state.ts";

export function checkMessageStart({ open, owners }: RunState, event: EventOf<"TEXT_MESSAGE_START">): void {
  const { messageId, subagentRunId } = event;
  if (open.messages.has(messageId)) {
    throw new ViolationError("message_already_open", `Message '${messageId}' is already open.`);
  }
  owners.agree(event.type, subagentRunId, "message", messageId);
  owners.claim("message", messageId, subagentRunId);
  open.messages.set(messageId, open.place(event));
}

export function checkMessageContinuation(
  { open, owners }: RunState,
  { type, messageId, subagentRunId }: EventOf<"TEXT_MESSAGE_CONTENT" | "TEXT_MESSAGE_END">,
): void {
  if (!open.messages.has(messageId)) {
    throw new ViolationError("message_not_open", `${type} names message '${messageId}', which is not open.`);
  }
  owners.agree(type, subagentRunId, "message", messageId);
  if (type === "TEXT_MESSAGE_END") open.messages.delete(messageId);
}

/** A span and the message in it usually share an id: two sets of brackets, one owner. */
export function checkReasoningStart(
  { open, owners }: RunState,
  event: EventOf<"REASONING_START" | "REASONING_MESSAGE_START">,
): void {
  const { type, messageId, subagentRunId } = event;
  const isSpan = type === "REASONING_START";
  if ((isSpan ? open.reasoningSpans : open.reasoningMessages).has(messageId)) {
    throw new ViolationError(
      isSpan ? "reasoning_already_open" : "reasoning_message_already_open",
      `${type} names '${messageId}', which is already open.`,
    );
  }
  owners.agree(type, subagentRunId, "reasoning", messageId);
  owners.claim("reasoning", messageId, subagentRunId);
  if (event.type === "REASONING_START") open.reasoningSpans.set(messageId, open.place(event));
  else open.reasoningMessages.set(messageId, open.place(event));
}

export function checkReasoningContinuation(
  { open, owners }: RunState,
  event: EventOf<"REASONING_MESSAGE_CONTENT" | "REASONING_MESSAGE_END" | "REASONING_END">,
): void {
  const { type, messageId, subagentRunId } = event;
  const isSpan = type === "REASONING_END";
  const bracket = isSpan ? open.reasoningSpans : open.reasoningMessages;
  if (!bracket.has(messageId)) {
    throw new ViolationError(
      isSpan ? "reasoning_not_open" : "reasoning_message_not_open",
      `${type} names '${messageId}', which is not open.`,
    );
  }
  owners.agree(type, subagentRunId, "reasoning", messageId);
  if (type !== "REASONING_MESSAGE_CONTENT") bracket.delete(messageId);
}

export function checkEncryptedValue(
  { owners }: RunState,
  { type, subtype, entityId, subagentRunId }: EventOf<"REASONING_ENCRYPTED_VALUE">,
): void {
  const isMessage = subtype === "message" && owners.get("message", entityId) !== undefined;
  const kind = subtype === "tool-call" ? "toolCall" : isMessage ? "message" : "reasoning";
  owners.agree(type, subagentRunId, kind, entityId);
}

/** Only a snapshot that replaces makes the activity anew, and so may change its owner. */
export function checkActivitySnapshot(
  { owners }: RunState,
  { messageId, subagentRunId, replace }: EventOf<"ACTIVITY_SNAPSHOT">,
): void {
  if (replace === false) owners.claim("activity", messageId, subagentRunId);
  else owners.set("activity", messageId, subagentRunId);
}
