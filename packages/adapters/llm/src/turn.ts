import type { AguiEvent, TokenUsage } from "@dragoman/agui";
import type { Chunk } from "./read-chunk.ts";
import { tokenUsage } from "./token-usage.ts";
import { createCallReader, type ToolRequest } from "./turn-calls.ts";

/** One answer of the model. */
export interface Turn {
  readonly text: string;
  readonly calls: readonly ToolRequest[];
  /** Empty if the endpoint gave none. */
  readonly finishReason: string;
  readonly usage: TokenUsage | undefined;
}

/** Turns the chunks of one answer into events. */
export interface TurnReader {
  push(chunk: Chunk): AguiEvent[];
  /** The events that close what is open, and the whole answer. Throws `LlmError` for a call without a name. */
  finish(): { events: AguiEvent[]; turn: Turn };
}

/** What makes ids. */
export interface Ids {
  newId(): string;
  /** The id of a call, given what the endpoint calls it: empty, or not always unique. */
  callId(suggested: string): string;
}

interface Stretch {
  readonly kind: "text" | "reasoning";
  readonly id: string;
}

/** Makes a reader for one answer of `model`. All it says becomes one message, its reasoning messages before. */
export function createTurnReader(model: string, ids: Ids): TurnReader {
  const messageId = ids.newId();
  const calls = createCallReader(messageId, ids.callId);
  let open: Stretch | undefined;
  let text = "";
  let finishReason = "";
  let usage: TokenUsage | undefined;

  /** Opens a stretch of this kind, unless it is open, and closes the other. */
  function turnTo(kind: Stretch["kind"] | undefined, events: AguiEvent[]): void {
    if (open?.kind === kind) return;
    if (open) events.push(...endOf(open));
    open = kind && { kind, id: kind === "text" ? messageId : ids.newId() };
    if (open) events.push(...startOf(open));
  }

  function say(kind: Stretch["kind"], delta: string, events: AguiEvent[]): void {
    if (delta === "") return;
    turnTo(kind, events);
    events.push(contentOf(kind, open!.id, delta));
  }

  return {
    push(chunk) {
      const events: AguiEvent[] = [];
      say("reasoning", chunk.reasoning, events);
      say("text", chunk.text, events);
      text += chunk.text;
      if (chunk.calls.length > 0) turnTo(undefined, events);
      for (const call of chunk.calls) events.push(...calls.push(call));
      finishReason = chunk.finishReason || finishReason;
      if (chunk.usage) usage = tokenUsage(chunk.model || model, chunk.usage);
      return events;
    },
    finish() {
      const events: AguiEvent[] = [];
      turnTo(undefined, events);
      events.push(...calls.finish());
      return { events, turn: { text, calls: calls.requests(), finishReason, usage } };
    },
  };
}

function startOf({ kind, id: messageId }: Stretch): AguiEvent[] {
  if (kind === "text") return [{ type: "TEXT_MESSAGE_START", messageId, role: "assistant" }];
  return [
    { type: "REASONING_START", messageId },
    { type: "REASONING_MESSAGE_START", messageId, role: "reasoning" },
  ];
}

function contentOf(kind: Stretch["kind"], messageId: string, delta: string): AguiEvent {
  return { type: kind === "text" ? "TEXT_MESSAGE_CONTENT" : "REASONING_MESSAGE_CONTENT", messageId, delta };
}

function endOf({ kind, id: messageId }: Stretch): AguiEvent[] {
  if (kind === "text") return [{ type: "TEXT_MESSAGE_END", messageId }];
  return [
    { type: "REASONING_MESSAGE_END", messageId },
    { type: "REASONING_END", messageId },
  ];
}
