import { EngineError, quote } from "../errors.ts";
import type { EngineLimits } from "../limits.ts";
import type { ToolResult } from "./run-tool.ts";

/** What a result is about, for those who are told that it is an error. */
export interface ResultContext {
  readonly toolName: string;
  readonly toolCallId: string;
  /** How long was waited for it at most. */
  readonly timeoutMs: number;
  readonly limits: EngineLimits;
}

/** The content of a result. Throws an {@link EngineError} where it is an error. */
export function contentOf(result: ToolResult, context: ResultContext): string {
  const { content, error, reason = "TOOL_FAILED", problems = [] } = result;
  if (error === undefined) return content;
  const { toolName } = context;
  const what = reason === "INVALID_TOOL_ARGUMENTS" ? "takes other arguments" : "failed";
  const message = `the tool ${quote(toolName)} ${what}: ${error}`;
  throw new EngineError(reason, message, metadataOf(result, context), problems);
}

function metadataOf(
  { reason, problems = [] }: ToolResult,
  { toolName, toolCallId, timeoutMs, limits }: ResultContext,
): Record<string, string> {
  const ids = { tool_name: toolName, tool_call_id: toolCallId };
  switch (reason) {
    case "TOOL_TIMED_OUT":
      return { ...ids, timeout_ms: String(timeoutMs) };
    case "INVALID_TOOL_ARGUMENTS":
      return { ...ids, path: problems[0]?.path ?? "" };
    case "LIMIT_REACHED":
      return { ...ids, limit: "toolResultMaxBytes", value: String(limits.toolResultMaxBytes) };
    default:
      return ids;
  }
}
