import type { AguiEvent, EventOf } from "../src/types.ts";

/** Short spellings of events, for tests that are about their order. */

type Extra = { subagentRunId?: string; metadata?: Record<string, unknown> };

export const runStarted = (runId = "r1"): AguiEvent => ({ type: "RUN_STARTED", threadId: "t1", runId });
export const runFinished = (runId = "r1"): AguiEvent => ({ type: "RUN_FINISHED", threadId: "t1", runId });
export const runError: AguiEvent = { type: "RUN_ERROR", message: "it broke" };

export const textStart = (
  messageId: string,
  extra: Extra & { role?: "user"; name?: string } = {},
): AguiEvent => ({
  type: "TEXT_MESSAGE_START",
  messageId,
  ...extra,
});
export const text = (messageId: string, delta = "x", extra: Extra = {}): AguiEvent => ({
  type: "TEXT_MESSAGE_CONTENT",
  messageId,
  delta,
  ...extra,
});
export const textEnd = (messageId: string, extra: Extra = {}): AguiEvent => ({
  type: "TEXT_MESSAGE_END",
  messageId,
  ...extra,
});

export const toolStart = (
  toolCallId: string,
  extra: Extra & { parentMessageId?: string } = {},
): AguiEvent => ({
  type: "TOOL_CALL_START",
  toolCallId,
  toolCallName: "search",
  ...extra,
});
export const toolArgs = (toolCallId: string, delta = "{}", extra: Extra = {}): AguiEvent => ({
  type: "TOOL_CALL_ARGS",
  toolCallId,
  delta,
  ...extra,
});
export const toolEnd = (toolCallId: string, extra: Extra = {}): AguiEvent => ({
  type: "TOOL_CALL_END",
  toolCallId,
  ...extra,
});
export const toolResult = (toolCallId: string, messageId: string, extra: Extra = {}): AguiEvent => ({
  type: "TOOL_CALL_RESULT",
  toolCallId,
  messageId,
  content: "found",
  ...extra,
});

export const stepStarted = (stepName: string, extra: Extra = {}): AguiEvent => ({
  type: "STEP_STARTED",
  stepName,
  ...extra,
});
export const stepFinished = (stepName: string, extra: Extra = {}): AguiEvent => ({
  type: "STEP_FINISHED",
  stepName,
  ...extra,
});

export const reasoningStart = (messageId: string, extra: Extra = {}): AguiEvent => ({
  type: "REASONING_START",
  messageId,
  ...extra,
});
export const reasoningEnd = (messageId: string, extra: Extra = {}): AguiEvent => ({
  type: "REASONING_END",
  messageId,
  ...extra,
});
export const thoughtStart = (messageId: string, extra: Extra = {}): AguiEvent => ({
  type: "REASONING_MESSAGE_START",
  messageId,
  role: "reasoning",
  ...extra,
});
export const thought = (messageId: string, delta = "x", extra: Extra = {}): AguiEvent => ({
  type: "REASONING_MESSAGE_CONTENT",
  messageId,
  delta,
  ...extra,
});
export const thoughtEnd = (messageId: string, extra: Extra = {}): AguiEvent => ({
  type: "REASONING_MESSAGE_END",
  messageId,
  ...extra,
});

export const subagentStarted = (
  subagentRunId: string,
  extra: Partial<EventOf<"SUBAGENT_STARTED">> = {},
): AguiEvent => ({ type: "SUBAGENT_STARTED", subagentRunId, name: "helper", ...extra });
export const subagentFinished = (subagentRunId: string): AguiEvent => ({
  type: "SUBAGENT_FINISHED",
  subagentRunId,
});

/** An event that no parser has seen, as an agent in the same process may yield it. */
export const unparsed = (event: Record<string, unknown>): AguiEvent => event as unknown as AguiEvent;
