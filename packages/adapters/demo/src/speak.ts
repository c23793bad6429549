import type { AguiEvent, Json, JsonObject, ToolCallResultEvent } from "@dragoman/agui";
import type { Stage } from "./stage.ts";

/** The events of a part of a scene, which returns a value to the rest of it. */
export type Part<T = void> = AsyncGenerator<AguiEvent, T>;

/** Says a text, word by word. `owner` is the subagent that says it. */
export async function* say(stage: Stage, text: string, owner?: string): Part {
  const messageId = stage.newId();
  const tag = tagOf(owner);
  yield { type: "TEXT_MESSAGE_START", messageId, role: "assistant", ...tag };
  for (const delta of wordsOf(text)) {
    yield { type: "TEXT_MESSAGE_CONTENT", messageId, delta, ...tag };
    await stage.pause();
  }
  yield { type: "TEXT_MESSAGE_END", messageId, ...tag };
}

/** Shows a thought, word by word. */
export async function* think(stage: Stage, text: string, owner?: string): Part {
  const spanId = stage.newId();
  const messageId = stage.newId();
  const tag = tagOf(owner);
  yield { type: "REASONING_START", messageId: spanId, ...tag };
  yield { type: "REASONING_MESSAGE_START", messageId, role: "reasoning", ...tag };
  for (const delta of wordsOf(text)) {
    yield { type: "REASONING_MESSAGE_CONTENT", messageId, delta, ...tag };
    await stage.pause();
  }
  yield { type: "REASONING_MESSAGE_END", messageId, ...tag };
  yield { type: "REASONING_END", messageId: spanId, ...tag };
}

/** Calls a tool, its arguments written piece by piece as a model would, and returns the call's id. */
export async function* callTool(stage: Stage, name: string, args: JsonObject, owner?: string): Part<string> {
  const toolCallId = stage.newId();
  const tag = tagOf(owner);
  yield { type: "TOOL_CALL_START", toolCallId, toolCallName: name, ...tag };
  for (const delta of wordsOf(JSON.stringify(args))) {
    yield { type: "TOOL_CALL_ARGS", toolCallId, delta, ...tag };
    await stage.pause();
  }
  yield { type: "TOOL_CALL_END", toolCallId, ...tag };
  return toolCallId;
}

/** What came of a call: text as it is, anything else as JSON. */
export function toolResult(
  stage: Stage,
  toolCallId: string,
  result: Json,
  owner?: string,
): ToolCallResultEvent {
  const content = typeof result === "string" ? result : JSON.stringify(result);
  const messageId = stage.newId();
  return { type: "TOOL_CALL_RESULT", messageId, toolCallId, content, role: "tool", ...tagOf(owner) };
}

/** Does something as a named step. */
export async function* step<T>(stepName: string, part: Part<T>, owner?: string): Part<T> {
  yield { type: "STEP_STARTED", stepName, ...tagOf(owner) };
  const value = yield* part;
  yield { type: "STEP_FINISHED", stepName, ...tagOf(owner) };
  return value;
}

function tagOf(owner: string | undefined): { subagentRunId?: string } {
  return owner === undefined ? {} : { subagentRunId: owner };
}

/** The words with the space behind them; together they are the text. */
function wordsOf(text: string): string[] {
  return text.match(/\s*\S+\s*/g) ?? [];
}
