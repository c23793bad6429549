import type { Agent } from "@dragoman/agent";
import type { Interrupt, ResumeEntry, RunAgentInput, Tool } from "@dragoman/agui";

type Answer = Omit<ResumeEntry, "interruptId">;

export const yes: Answer = { status: "resolved", payload: { approved: true } };
export const deny: Answer = { status: "resolved", payload: { approved: false, reason: "no" } };
export const cancelled: Answer = { status: "cancelled" };

const tool: Tool = {
  name: "delete",
  description: "Deletes.",
  parameters: { type: "object", properties: { path: { type: "string" } }, required: ["path"] },
};

/** The call that {@link askingAgent} makes before it asks. */
export const toolCall = { id: "call-1", tool };

/** An agent that asks once; with answers it acts. `acted` counts how often it did what the answers allow. */
export function askingAgent(interrupts: readonly Interrupt[]): Agent & {
  readonly inputs: RunAgentInput[];
  readonly acted: string[];
  ask(next: readonly Interrupt[]): void;
} {
  const inputs: RunAgentInput[] = [];
  const acted: string[] = [];
  let open = interrupts;
  return {
    inputs,
    acted,
    ask(next) {
      open = next;
    },
    async *run(input) {
      inputs.push(input);
      const { threadId, runId, resume = [] } = input;
      if (resume.length > 0) {
        acted.push(runId);
        yield { type: "CUSTOM", name: "acted", value: resume.length };
        yield { type: "RUN_FINISHED", threadId, runId };
        return;
      }
      const first = open.find(({ toolCallId }) => toolCallId !== undefined);
      if (first?.toolCallId) {
        const { toolCallId } = first;
        yield { type: "TOOL_CALL_START", toolCallId, toolCallName: tool.name, parentMessageId: "call" };
        yield { type: "TOOL_CALL_ARGS", toolCallId, delta: '{"path":"/"}' };
        yield { type: "TOOL_CALL_END", toolCallId };
      }
      if (open.length === 0) yield { type: "RUN_FINISHED", threadId, runId };
      else
        yield {
          type: "RUN_FINISHED",
          threadId,
          runId,
          outcome: { type: "interrupt", interrupts: [...open] },
        };
    },
  };
}
