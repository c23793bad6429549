import { AbstractAgent, type BaseEvent } from "@ag-ui/client";
import type { Agent } from "@dragoman/agent";
import {
  type AguiEvent,
  createVerifier,
  type Json,
  type Message,
  type ResumeEntry,
  type RunAgentInput,
  type Tool,
} from "@dragoman/agui";
import { Observable } from "rxjs";
import { createAgent, type DemoOptions } from "../create-agent.ts";

/** What a run is started with besides the words. */
export interface TurnOptions {
  readonly tools?: Tool[];
  readonly resume?: ResumeEntry[];
}

/** A conversation with the demo assistant, held by the stock client. */
export interface Talk {
  /** Says something and returns what the assistant did. The stock client rejects what breaks its rules. */
  say(text: string, options?: TurnOptions): Promise<AguiEvent[]>;
  /** Starts a run without saying anything, after a tool result or with answers. */
  go(options?: TurnOptions): Promise<AguiEvent[]>;
  /** Adds the result of a tool of the client. */
  answerTool(toolCallId: string, content: string): void;
  readonly messages: Message[];
  state: Json;
}

/** Starts a conversation. Ids are counted and nothing waits. */
export function startTalk(options: DemoOptions = {}): Talk {
  let count = 0;
  const agent = createAgent({
    paceMs: 0,
    newId: () => `id-${++count}`,
    now: () => new Date("2026-03-01T12:30:00Z"),
    ...options,
  });
  const client = new StockClient(agent);
  const go = async ({ tools = [], resume }: TurnOptions = {}): Promise<AguiEvent[]> => {
    client.events = [];
    await client.runAgent({ tools: tools as never, ...(resume ? { resume } : {}) });
    verify(client.events);
    return client.events;
  };
  return {
    go,
    say(text, turn) {
      client.addMessage({ id: `user-${++count}`, role: "user", content: text });
      return go(turn);
    },
    answerTool(toolCallId, content) {
      client.addMessage({ id: `tool-${++count}`, role: "tool", toolCallId, content });
    },
    get messages() {
      return client.messages as Message[];
    },
    get state() {
      return client.state;
    },
    set state(state) {
      client.setState(state as never);
    },
  };
}

/** The text that the assistant said in a run, without its subagents. */
export function textOf(events: readonly AguiEvent[]): string {
  return events
    .flatMap((event) =>
      event.type === "TEXT_MESSAGE_CONTENT" && event.subagentRunId === undefined ? [event.delta] : [],
    )
    .join("");
}

/** Our own verdict beside the stock client's. */
function verify(events: readonly AguiEvent[]): void {
  const verifier = createVerifier();
  for (const event of events) verifier.push(event);
}

class StockClient extends AbstractAgent {
  events: AguiEvent[] = [];
  agent: Agent;

  constructor(agent: Agent) {
    super({ threadId: "thread" });
    this.agent = agent;
  }

  run(input: unknown): Observable<BaseEvent> {
    return new Observable((subscriber) => {
      const read = async () => {
        const signal = new AbortController().signal;
        for await (const event of this.agent.run(input as RunAgentInput, { signal, agentId: "demo" })) {
          this.events.push(event as AguiEvent);
          subscriber.next(event as BaseEvent);
        }
        subscriber.complete();
      };
      read().catch((error) => subscriber.error(error));
    });
  }
}
