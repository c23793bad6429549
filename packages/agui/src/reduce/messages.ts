import type { AssistantMessage, JsonObject, Message, ToolCall } from "../types.ts";
import type { RuleName } from "../verify/rules.ts";

/** What events about messages are folded into, and where what is wrong with them goes. */
export interface Conversation {
  readonly messages: MessageList;
  readonly warn: (rule: RuleName, message: string) => void;
}

/** A tool call and the message that carries it. */
export interface PlacedToolCall {
  readonly message: AssistantMessage;
  readonly call: ToolCall;
}

/**
 * The messages of a conversation in order, found by their id and by the ids of their tool calls in constant
 * time. Where an id occurs twice, the first in the list is meant, as in clients.
 */
export class MessageList {
  #messages: Message[] = [];
  /** What was found last: most events are the next delta of the same message. */
  #last: Message | undefined;
  readonly #byId = new Map<string, Message>();
  readonly #toolCalls = new Map<string, PlacedToolCall>();

  get all(): readonly Message[] {
    return this.#messages;
  }

  get(id: string): Message | undefined {
    if (this.#last?.id === id) return this.#last;
    this.#last = this.#byId.get(id);
    return this.#last;
  }

  toolCall(id: string): PlacedToolCall | undefined {
    return this.#toolCalls.get(id);
  }

  append(message: Message): void {
    this.#messages.push(message);
    this.#index(message);
  }

  addToolCall(message: AssistantMessage, call: ToolCall): void {
    message.toolCalls ??= [];
    message.toolCalls.push(call);
    if (!this.#toolCalls.has(call.id)) this.#toolCalls.set(call.id, { message, call });
  }

  /** Puts a tool's answer behind the message that asked, after the answers that are there already. */
  insertAnswer(answer: Message, asking: Message): void {
    let position = this.#messages.lastIndexOf(asking) + 1;
    while (this.#messages[position]?.role === "tool") position += 1;
    const namesake = this.#byId.get(answer.id);
    const isFirst = namesake === undefined || this.#messages.indexOf(namesake) >= position;
    this.#messages.splice(position, 0, answer);
    if (!isFirst) return;
    this.#byId.set(answer.id, answer);
    this.#last = undefined;
  }

  replace(old: Message, replacement: Message): void {
    this.reset(this.#messages.map((message) => (message === old ? replacement : message)));
  }

  /** Takes over a whole list. */
  reset(messages: Message[]): void {
    this.#messages = messages;
    this.#last = undefined;
    this.#byId.clear();
    this.#toolCalls.clear();
    for (const message of messages) this.#index(message);
  }

  #index(message: Message): void {
    if (!this.#byId.has(message.id)) this.#byId.set(message.id, message);
    if (message.role !== "assistant") return;
    for (const call of message.toolCalls ?? []) {
      if (!this.#toolCalls.has(call.id)) this.#toolCalls.set(call.id, { message, call });
    }
  }
}

/** A copy of a message that later events can be folded into, leaving the original as it is. */
export function copyMessage(message: Message): Message {
  const copy = { ...message };
  // Clients read a null tag as none, and so must what is sent on to them.
  if (copy.subagentRunId === null) delete copy.subagentRunId;
  if (copy.role === "assistant" && copy.toolCalls !== undefined) {
    copy.toolCalls = copy.toolCalls.map((call) => ({ ...call, function: { ...call.function } }));
  }
  return copy;
}

/** Merges an event's metadata per key, the last write winning, not recursively. */
export function mergeMetadata(target: { metadata?: JsonObject }, metadata: JsonObject | undefined): void {
  if (metadata !== undefined) target.metadata = { ...target.metadata, ...metadata };
}
