import type { Agent } from "@dragoman/agent";
import type { JsonObject, RunAgentInput } from "@dragoman/agui";
import type { ToolDefinition } from "../tools/tool.ts";

/** A call that an agent makes. */
export interface ToolTurnCall {
  readonly name: string;
  readonly id: string;
  /** An object, or what a confused model wrote. */
  readonly args?: JsonObject | string;
}

/**
 * An agent that makes the calls of one turn after the other, and says what it was told when it has none left. It knows
 * nothing of registered tools but what is in its input, and keeps nothing but the inputs for tests.
 */
export function turnAgent(
  ...turns: readonly (readonly ToolTurnCall[])[]
): Agent & { readonly inputs: RunAgentInput[] } {
  const inputs: RunAgentInput[] = [];
  return {
    inputs,
    async *run(input) {
      inputs.push(input);
      const { threadId, runId } = input;
      yield { type: "RUN_STARTED", threadId, runId };
      const made = new Set(
        input.messages.flatMap((one) =>
          one.role === "assistant" ? (one.toolCalls ?? []).map(({ id }) => id) : [],
        ),
      );
      const turn = turns.find((calls) => calls.some(({ id }) => !made.has(id)));
      for (const { id, name, args = {} } of turn ?? []) {
        yield { type: "TOOL_CALL_START", toolCallId: id, toolCallName: name };
        const delta = typeof args === "string" ? args : JSON.stringify(args);
        yield { type: "TOOL_CALL_ARGS", toolCallId: id, delta };
        yield { type: "TOOL_CALL_END", toolCallId: id };
      }
      if (!turn) {
        const messageId = `said-${runId}-${inputs.length}`;
        const told = input.messages.flatMap((one) => (one.role === "tool" ? [String(one.content)] : []));
        yield { type: "TEXT_MESSAGE_START", messageId, role: "assistant" };
        yield { type: "TEXT_MESSAGE_CONTENT", messageId, delta: told.join("|") || "nothing" };
        yield { type: "TEXT_MESSAGE_END", messageId };
      }
      yield { type: "RUN_FINISHED", threadId, runId, usage: [{ model: "m", inputTokens: 1 }] };
    },
  };
}

/** A tool that is to be executed by a kind of executor. */
export function toolOf(
  name: string,
  kind: string,
  parameters: JsonObject = {},
  timeoutMs?: number,
): ToolDefinition {
  const schema = { type: "object", ...parameters };
  return {
    tool: { name, description: `does ${name}`, parameters: schema },
    executor: { kind, ...(timeoutMs !== undefined && { timeoutMs }) },
  };
}
