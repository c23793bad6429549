import type { AssistantMessage, Message, RunAgentInput, ToolMessage } from "@dragoman/agui";

/** The longest request that is read, in characters; the rest is ignored. */
const maxRequestLength = 2000;

/** What people put around a request. */
const politeness = [
  /^(?:hey|hi|hello|ok|okay|so|now|well|and|then)[\s,!]+(?!there\b)(?=\w)/i,
  /^(?:please|kindly)[\s,]+/i,
  /^(?:can|could|would|will) (?:you|we) (?:please )?/i,
  /^i(?:'d like| would like| want) (?:you )?to /i,
  /[\s,]+(?:please|thanks|thank you|for me)$/i,
  /[\s.?!]+$/,
];

/** What the user said last, without politeness and punctuation around it. Empty if nothing was said. */
export function requestText(input: Pick<RunAgentInput, "messages">): string {
  // Well-formed, because it may be cut within a character here, and is repeated to the user.
  let text = lastUserText(input.messages)
    .slice(0, maxRequestLength)
    .toWellFormed()
    .replace(/\s+/g, " ")
    .trim();
  for (let before = ""; before !== text; ) {
    before = text;
    for (const pattern of politeness) text = text.replace(pattern, "");
  }
  return text;
}

/** What tools of the client answered since the assistant called them, if nothing was said after that. */
export function freshToolResults(messages: readonly Message[]): { name: string; result: ToolMessage }[] {
  const fresh: ToolMessage[] = [];
  for (const message of messages.toReversed()) {
    // The client may keep its activities and the assistant's thoughts anywhere.
    if (message.role === "activity" || message.role === "reasoning") continue;
    if (message.role !== "tool") break;
    fresh.unshift(message);
  }
  return fresh.map((result) => ({ name: callOf(messages, result.toolCallId)?.name ?? "unknown", result }));
}

/** The call with this id, as the conversation has it. */
export function callOf(messages: readonly Message[], toolCallId: string) {
  return messages
    .filter((message): message is AssistantMessage => message.role === "assistant")
    .flatMap(({ toolCalls = [] }) => toolCalls)
    .find(({ id }) => id === toolCallId)?.function;
}

/** The text of a message's content; what is no text is left out. */
export function textOf(content: string | readonly { type: string; text?: string }[]): string {
  if (typeof content === "string") return content;
  return content.map((part) => (part.type === "text" ? (part.text ?? "") : "")).join(" ");
}

function lastUserText(messages: readonly Message[]): string {
  const message = messages.findLast(({ role }) => role === "user");
  return message?.role === "user" ? textOf(message.content) : "";
}
