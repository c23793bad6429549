import type { Agent } from "@dragoman/agent";
import type { AguiEvent, RunAgentInput, RunFinishedEvent, RunOutcome, TokenUsage } from "@dragoman/agui";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";
import { chatMessages } from "./chat-messages.ts";
import { chatTools } from "./chat-tools.ts";
import { type CompletionRequest, complete } from "./complete.ts";
import { LlmError } from "./errors.ts";
import { type CompleteOptions, completeOptions, type LlmOptions } from "./options.ts";
import { runTools } from "./run-tools.ts";
import { sumUsage } from "./token-usage.ts";
import { createTurnReader, type Ids, type Turn } from "./turn.ts";

/**
 * Makes an agent of a model behind an OpenAI-compatible chat-completions endpoint.
 *
 * The model's text, thoughts and tool calls are streamed. Tools given here are executed and their results told to the
 * model, turn by turn; a call of a tool that the client brought ends the run, and the client's next run goes on with
 * its result. A run throws `LlmError` when the endpoint fails or its answer is not whole. Cancelling it ends the
 * request. Throws `TypeError` for options out of range.
 */
export function createAgent(options: LlmOptions): Agent {
  const completed = completeOptions(options);
  return {
    kind: "llm",
    description: options.description ?? `A model, ${completed.model}, behind a chat-completions endpoint.`,
    capabilities: () => ({
      identity: { type: "llm" },
      transport: { streaming: true },
      tools: {
        supported: true,
        items: completed.tools.map(({ name, description, parameters }) => ({
          name,
          description,
          ...(parameters ? { parameters } : {}),
        })),
        parallelCalls: true,
        clientProvided: true,
      },
      reasoning: { supported: true, streaming: true },
      execution: { maxIterations: completed.maxIterations },
    }),
    run: (input, context) => runModel(input, completed, context.signal),
  };
}

async function* runModel(
  input: RunAgentInput,
  options: CompleteOptions,
  signal: AbortSignal,
): AsyncGenerator<AguiEvent, void> {
  if (signal.aborted) return;
  const { threadId, runId } = input;
  yield { type: "RUN_STARTED", threadId, runId, protocolVersion: "1.0" };
  try {
    yield* converse(input, options, signal);
  } catch (error) {
    // A cancelled run is its host's to end.
    if (!signal.aborted) throw error;
  }
}

async function* converse(
  input: RunAgentInput,
  options: CompleteOptions,
  signal: AbortSignal,
): AsyncGenerator<AguiEvent, void> {
  const messages = chatMessages(input, options.systemPrompt);
  const tools = chatTools(options.tools, input.tools ?? []);
  const ids = createIds(input, options);
  const usage: TokenUsage[] = [];
  for (let iteration = 0; iteration < options.maxIterations; iteration++) {
    const turn = yield* takeTurn({ messages, tools }, options, ids, signal);
    if (turn.usage) usage.push(turn.usage);
    if (turn.calls.length === 0) return yield finished(input, usage);
    const outcome = yield* runTools(turn.calls, input, options, signal);
    if (signal.aborted) return;
    if (outcome.pending.length > 0) {
      return yield finished(input, usage, { type: "success", pendingToolCallIds: outcome.pending });
    }
    messages.push(turnMessage(turn), ...outcome.messages);
  }
  const message = `The model went on calling tools for ${options.maxIterations} turns. Ask for less at once, or raise maxIterations.`;
  throw new LlmError("LLM_TOO_MANY_ITERATIONS", message);
}

async function* takeTurn(
  request: CompletionRequest,
  options: CompleteOptions,
  ids: Ids,
  signal: AbortSignal,
): AsyncGenerator<AguiEvent, Turn> {
  const reader = createTurnReader(options.model, ids);
  for await (const chunk of complete(request, options, signal)) yield* reader.push(chunk);
  const { events, turn } = reader.finish();
  // Before what is open is closed as if it were complete.
  requireWhole(turn, request.messages);
  yield* events;
  return turn;
}

/** An answer that stopped early is never shown as a success, however much of it there is. */
function requireWhole(
  { finishReason, text, calls }: Turn,
  messages: readonly ChatCompletionMessageParam[],
): void {
  switch (finishReason) {
    case "":
      throw new LlmError("LLM_CUT", "The model's answer stopped in the middle. Try again.");
    case "length":
      throw new LlmError(
        "LLM_OUTPUT_LIMIT",
        "The model reached its output limit before its answer was complete. Ask for less, or raise the limit.",
      );
    case "content_filter":
      throw new LlmError("LLM_CONTENT_FILTER", "The endpoint's content filter ended the model's answer.");
  }
  // With a tool's result, the model may have nothing to add.
  if (text !== "" || calls.length > 0 || messages.at(-1)?.role === "tool") return;
  throw new LlmError("LLM_EMPTY", "The model answered with nothing. Try again, or ask differently.");
}

function turnMessage({ text, calls }: Turn): ChatCompletionMessageParam {
  return {
    role: "assistant",
    content: text || null,
    tool_calls: calls.map(({ id, name, args }) => ({
      id,
      type: "function",
      function: { name, arguments: args },
    })),
  };
}

function finished(
  { threadId, runId }: RunAgentInput,
  usage: TokenUsage[],
  outcome?: RunOutcome,
): RunFinishedEvent {
  const sum = sumUsage(usage);
  return {
    type: "RUN_FINISHED",
    threadId,
    runId,
    ...(outcome ? { outcome } : {}),
    ...(sum.length > 0 ? { usage: sum } : {}),
  };
}

/** Some endpoints give a call no id, or the same in every turn; in a session each call needs its own. */
function createIds(input: RunAgentInput, { newId }: CompleteOptions): Ids {
  const taken = new Set(
    input.messages.flatMap((message) =>
      message.role === "assistant" ? (message.toolCalls ?? []).map(({ id }) => id) : [],
    ),
  );
  return {
    newId,
    callId(suggested) {
      const id = suggested === "" || taken.has(suggested) ? newId() : suggested;
      taken.add(id);
      return id;
    },
  };
}
