import type { AssistantMessage, Context, Message, RunAgentInput, ToolMessage } from "@dragoman/agui";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";
import { chatContent, chatText } from "./chat-content.ts";

/** What stands in for the result of a call that has none: the API refuses a conversation with a hole. */
const noResult = "No result: the call was not completed.";

/**
 * The conversation as the API takes it: results directly behind the message that made the calls, each call with
 * exactly one result. Activity and reasoning are not part of what a model is told.
 */
export function chatMessages(
  input: RunAgentInput,
  systemPrompt: string | undefined,
): ChatCompletionMessageParam[] {
  const system = systemText(systemPrompt, input.context ?? []);
  const results = resultsByCall(input.messages);
  const messages = input.messages.flatMap((message) => chatMessage(message, results));
  return system === "" ? messages : [{ role: "system", content: system }, ...messages];
}

function systemText(systemPrompt: string | undefined, context: readonly Context[]): string {
  const lines = context.map(({ description, value }) => `- ${description}: ${value}`);
  const known =
    lines.length > 0 ? ["What the application says about the situation:", ...lines].join("\n") : "";
  return [systemPrompt ?? "", known].filter((text) => text !== "").join("\n\n");
}

function resultsByCall(messages: readonly Message[]): Map<string, ToolMessage[]> {
  const results = new Map<string, ToolMessage[]>();
  for (const message of messages) {
    if (message.role !== "tool") continue;
    const known = results.get(message.toolCallId);
    if (known) known.push(message);
    else results.set(message.toolCallId, [message]);
  }
  return results;
}

function chatMessage(message: Message, results: Map<string, ToolMessage[]>): ChatCompletionMessageParam[] {
  switch (message.role) {
    case "system":
    case "developer":
      // Not all endpoints know the developer role; all know this one.
      return [{ role: "system", content: message.content }];
    case "user":
      return [{ role: "user", content: chatContent(message.content) }];
    case "assistant":
      return assistantMessages(message, results);
    default:
      return [];
  }
}

function assistantMessages(
  { content, toolCalls = [] }: AssistantMessage,
  results: Map<string, ToolMessage[]>,
): ChatCompletionMessageParam[] {
  if (toolCalls.length === 0) return content ? [{ role: "assistant", content }] : [];
  return [
    {
      role: "assistant",
      content: content ?? null,
      tool_calls: toolCalls.map(({ id, function: called }) => ({
        id,
        type: "function" as const,
        function: called,
      })),
    },
    // Taken one by one, because some endpoints give the same id to calls of different turns.
    ...toolCalls.map(({ id }) => resultMessage(id, results.get(id)?.shift())),
  ];
}

function resultMessage(id: string, result: ToolMessage | undefined): ChatCompletionMessageParam {
  if (result === undefined) return { role: "tool", tool_call_id: id, content: noResult };
  const text = chatText(result.content);
  return {
    role: "tool",
    tool_call_id: id,
    content: result.error ? `Error: ${result.error}\n${text}`.trimEnd() : text,
  };
}
