import type { EventOf } from "../types.ts";
import { nameOf } from "./owners.ts";
import { ViolationError } from "./rules.ts";
import type { RunState } from "./run-state.ts";

export function checkToolCallStart({ open, owners }: RunState, event: EventOf<"TOOL_CALL_START">): void {
  const { type, toolCallId, parentMessageId, subagentRunId } = event;
  if (open.toolCalls.has(toolCallId)) {
    throw new ViolationError("tool_call_already_open", `Tool call '${toolCallId}' is already open.`);
  }
  const parent = parentMessageId === undefined ? undefined : owners.get("message", parentMessageId);
  if (parent !== undefined && parentMessageId !== undefined) {
    owners.agree(type, subagentRunId, "message", parentMessageId, "tool_call_parent_mismatch");
  }
  owners.agree(type, subagentRunId, "toolCall", toolCallId);
  const owner = owners.get("toolCall", toolCallId);
  if (owner !== undefined && parent !== undefined && parent.subagentRunId !== owner.subagentRunId) {
    throw new ViolationError(
      "tool_call_parent_mismatch",
      `Tool call '${toolCallId}' of ${nameOf(owner)} was re-opened in message '${parentMessageId}' of ${nameOf(parent)}.`,
    );
  }
  // A call without a tag belongs to whoever owns the message that carries it.
  owners.claim("toolCall", toolCallId, subagentRunId ?? parent?.subagentRunId);
  if (parent === undefined) owners.claimMade(parentMessageId ?? toolCallId, subagentRunId);
  open.toolCalls.set(toolCallId, open.place(event));
}

export function checkToolCallContinuation(
  { open, owners }: RunState,
  { type, toolCallId, subagentRunId }: EventOf<"TOOL_CALL_ARGS" | "TOOL_CALL_END">,
): void {
  if (!open.toolCalls.has(toolCallId)) {
    throw new ViolationError(
      "tool_call_not_open",
      `${type} names tool call '${toolCallId}', which is not open.`,
    );
  }
  owners.agree(type, subagentRunId, "toolCall", toolCallId);
  if (type === "TOOL_CALL_END") open.toolCalls.delete(toolCallId);
}
