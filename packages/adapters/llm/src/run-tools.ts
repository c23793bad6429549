import type { AguiEvent, JsonObject, RunAgentInput } from "@dragoman/agui";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";
import type { BackendTool } from "./backend-tool.ts";
import type { CompleteOptions } from "./options.ts";
import type { ToolRequest } from "./turn-calls.ts";

/** What came of the calls of one turn. */
export interface ToolOutcome {
  /** The results, as the model is told them. */
  readonly messages: ChatCompletionMessageParam[];
  /** The calls that are the client's to execute. */
  readonly pending: string[];
}

/**
 * Executes the calls that can be executed here, all at once, and yields their results in the order of the calls.
 * What fails is told to the model, which may do better; nothing is thrown.
 */
export async function* runTools(
  requests: readonly ToolRequest[],
  input: RunAgentInput,
  options: CompleteOptions,
  signal: AbortSignal,
): AsyncGenerator<AguiEvent, ToolOutcome> {
  const backend = new Map(options.tools.map((tool) => [tool.name, tool]));
  const client = new Set((input.tools ?? []).map(({ name }) => name));
  const isPending = ({ name }: ToolRequest) => !backend.has(name) && client.has(name);
  const executed = requests
    .filter((request) => !isPending(request))
    .map(({ id, name, args }) => {
      const tool = backend.get(name);
      const context = {
        toolCallId: id,
        input,
        signal: AbortSignal.any([signal, AbortSignal.timeout(options.toolTimeoutMs)]),
      };
      const known = [...backend.keys(), ...client];
      return { id, result: tool ? execute(tool, args, context) : unknownTool(name, known) };
    });
  const messages: ChatCompletionMessageParam[] = [];
  for (const { id, result } of executed) {
    const content = await result;
    messages.push({ role: "tool", tool_call_id: id, content });
    yield { type: "TOOL_CALL_RESULT", messageId: options.newId(), toolCallId: id, content, role: "tool" };
  }
  return { messages, pending: requests.filter(isPending).map(({ id }) => id) };
}

async function execute(
  tool: BackendTool,
  args: string,
  context: Parameters<BackendTool["execute"]>[1],
): Promise<string> {
  const parsed = parseArgs(args);
  if (parsed === undefined)
    return `Error: the arguments of ${tool.name} must be a JSON object, they are: ${args}`;
  try {
    const result = await untilAborted(async () => tool.execute(parsed, context), context.signal);
    return typeof result === "string" ? result : (JSON.stringify(result) ?? "Done.");
  } catch (error) {
    return `Error: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** A tool that does not listen to its signal is not waited for. */
function untilAborted(work: () => Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", abort));
  });
}

function parseArgs(text: string): JsonObject | undefined {
  // Many models write nothing at all for a tool without parameters.
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function unknownTool(name: string, known: string[]): string {
  return `Error: there is no tool named ${name}. There is: ${known.join(", ") || "none"}.`;
}
