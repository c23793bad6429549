import { AbstractAgent, type BaseEvent } from "@ag-ui/client";
import type { AgentOutput } from "@dragoman/agent";
import type { AguiEvent, Message, RunAgentInput } from "@dragoman/agui";
import { from, type Observable } from "rxjs";
import { createAgent } from "../create-agent.ts";
import type { LlmOptions } from "../options.ts";

/** What a run came to. */
export interface Outcome {
  readonly events: AguiEvent[];
  readonly error?: unknown;
}

/** An input with a question, or with these messages. */
export function inputOf(messages: string | Message[], more: Partial<RunAgentInput> = {}): RunAgentInput {
  const given: Message[] =
    typeof messages === "string" ? [{ id: "u1", role: "user", content: messages }] : messages;
  return { threadId: "thread", runId: "run", messages: given, ...more };
}

/** Options for a test: ids are counted, nothing is tried again. */
export function optionsOf(baseURL: string, more: Partial<LlmOptions> = {}): LlmOptions {
  let count = 0;
  return {
    baseURL,
    model: "fake-1",
    apiKey: "key-hidden",
    maxRetries: 0,
    newId: () => `id-${++count}`,
    ...more,
  };
}

/** Runs the agent to its end. */
export async function run(
  options: LlmOptions,
  input: RunAgentInput = inputOf("hi"),
  signal = new AbortController().signal,
): Promise<Outcome> {
  const events: AguiEvent[] = [];
  try {
    for await (const event of createAgent(options).run(input, { signal, agentId: "llm" })) {
      events.push(event as AguiEvent);
    }
    return { events };
  } catch (error) {
    return { events, error };
  }
}

/** Puts events before the stock client, which checks their order and folds them; returns its messages. */
export async function foldWithStockClient(events: AguiEvent[], messages: Message[] = []): Promise<unknown[]> {
  const client = new Replay(events);
  client.setMessages(messages as Parameters<Replay["setMessages"]>[0]);
  await client.runAgent({ runId: "run" });
  return client.messages;
}

class Replay extends AbstractAgent {
  readonly #events: AgentOutput[];

  constructor(events: AgentOutput[]) {
    super({ threadId: "thread" });
    this.#events = events;
  }

  run(): Observable<BaseEvent> {
    return from(this.#events as BaseEvent[]) as Observable<BaseEvent>;
  }
}
