import type { CompletionUsage } from "openai/resources/completions";
import { LlmError } from "./errors.ts";

/** What a chunk says about a tool call; a part of it, in general. */
export interface CallDelta {
  readonly index: number;
  readonly id: string;
  readonly name: string;
  readonly args: string;
}

/** What a chunk of a streamed completion says. Absent text is empty text. */
export interface Chunk {
  readonly model: string;
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly CallDelta[];
  /** Empty until the last chunk of the answer. */
  readonly finishReason: string;
  readonly usage: CompletionUsage | undefined;
}

/**
 * Reads a chunk. Endpoints that call themselves compatible differ in what they leave out, send as null or add, so all
 * may be missing; but what is there has to have the right type. Throws `LlmError` with `LLM_MALFORMED`.
 */
export function readChunk(value: unknown): Chunk {
  const chunk = object(value, "chunk");
  const choice = object(list(chunk.choices, "choices")[0], "choices[0]");
  const delta = object(choice.delta, "delta");
  return {
    model: text(chunk.model, "model"),
    // A refusal is what the model says instead of an answer.
    text: text(delta.content, "content") + text(delta.refusal, "refusal"),
    // The two names under which endpoints send what a model thinks.
    reasoning: text(delta.reasoning_content ?? delta.reasoning, "reasoning"),
    calls: list(delta.tool_calls, "tool_calls").map(readCall),
    finishReason: text(choice.finish_reason, "finish_reason"),
    usage: isUsage(chunk.usage) ? chunk.usage : undefined,
  };
}

function readCall(value: unknown, position: number): CallDelta {
  const call = object(value, "tool_calls[]");
  const called = object(call.function, "function");
  const index = call.index ?? position;
  if (typeof index !== "number") throw malformed("index", index);
  return {
    index,
    id: text(call.id, "id"),
    name: text(called.name, "name"),
    args: text(called.arguments, "arguments"),
  };
}

function object(value: unknown, name: string): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw malformed(name, value);
  return value as Record<string, unknown>;
}

function list(value: unknown, name: string): unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw malformed(name, value);
  return value;
}

function text(value: unknown, name: string): string {
  if (value === undefined || value === null) return "";
  if (typeof value !== "string") throw malformed(name, value);
  return value;
}

/** Its fields are checked where they are counted. */
function isUsage(value: unknown): value is CompletionUsage {
  return typeof value === "object" && value !== null;
}

function malformed(name: string, value: unknown): LlmError {
  const message = `The model's endpoint sent a chunk in which "${name}" is of the wrong type (${typeof value}). Is it a chat-completions endpoint?`;
  return new LlmError("LLM_MALFORMED", message);
}
