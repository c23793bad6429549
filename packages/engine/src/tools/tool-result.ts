import type { Message, ToolCallResultEvent } from "@dragoman/agui";
import type { ToolOutcome } from "./tool.ts";

/** The key of a result's metadata that tells programs why a tool failed: AG-UI has no field for it in the event. */
export const toolErrorKey = "dragoman-tool-error";

/** What of an outcome is told. */
type SaidOutcome = Pick<ToolOutcome, "content" | "error">;

/** The result of a call as an event. A failure is in the text, for the agent, and in the metadata, for programs. */
export function toolResultEvent(
  history: readonly Message[],
  toolCallId: string,
  outcome: SaidOutcome,
  subagentRunId?: string,
): ToolCallResultEvent {
  return {
    type: "TOOL_CALL_RESULT",
    messageId: resultMessageId(history, toolCallId),
    toolCallId,
    role: "tool",
    content: textOf(outcome),
    ...(subagentRunId !== undefined && { subagentRunId }),
    ...(outcome.error !== undefined && { metadata: { [toolErrorKey]: outcome.error.toWellFormed() } }),
  };
}

/** An agent may use the id of a call again, but messages have one each. */
function resultMessageId(history: readonly Message[], toolCallId: string): string {
  const before = history.filter((one) => one.role === "tool" && one.toolCallId === toolCallId).length;
  return before === 0 ? `${toolCallId}:result` : `${toolCallId}:result:${before + 1}`;
}

/** How many bytes a result takes. */
export function sizeOfOutcome({ content, error = "" }: SaidOutcome): number {
  return Buffer.byteLength(content) + Buffer.byteLength(error);
}

/** What the agent is told. */
function textOf({ content, error }: SaidOutcome): string {
  if (error === undefined) return content.toWellFormed();
  const message = error === "" ? "The tool failed." : error;
  const rest = content === "" || content === error ? "" : `\n${content}`;
  return `Error: ${message}${rest}`.toWellFormed();
}
