import type { JsonObject, Tool } from "@dragoman/agui";
import type { ChatCompletionFunctionTool } from "openai/resources/chat/completions";
import type { BackendTool } from "./backend-tool.ts";

/**
 * All tools as the API takes them, which is with distinct names. The backend's come first: what runs here is not the
 * client's to replace.
 */
export function chatTools(
  backend: readonly BackendTool[],
  client: readonly Tool[],
): ChatCompletionFunctionTool[] {
  const byName = new Map<string, ChatCompletionFunctionTool>();
  for (const { name, description, parameters } of [...backend, ...client]) {
    if (byName.has(name)) continue;
    const schema = isObject(parameters) ? parameters : noParameters;
    byName.set(name, { type: "function", function: { name, description, parameters: schema } });
  }
  return [...byName.values()];
}

const noParameters = { type: "object", properties: {} };

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
