import type { AbstractAgent, AgentConfig, BaseEvent, RunAgentInput } from "@ag-ui/client";
import { AbstractAgent as StockAgent } from "@ag-ui/client";
import { from, type Observable } from "rxjs";
import type { Observation, RawEvent, Stream } from "./stream.ts";

/** A kind of agent that can be set up for a stream. */
export type AgentMaker = (config: AgentConfig) => AbstractAgent;

/** What is sent beside the messages. */
export interface RunParameters {
  readonly runId?: string;
  readonly forwardedProps?: Record<string, unknown>;
}

/**
 * Runs `stream` through an agent and records what the application saw.
 *
 * The client's warnings go to the console, so two observations must not run at the same time.
 */
export async function observe(
  stream: Stream,
  makeAgent: AgentMaker,
  parameters: RunParameters = {},
): Promise<Observation> {
  const { messages, tools } = structuredClone(stream.input ?? {});
  const agent = makeAgent(messages === undefined ? {} : ({ initialMessages: messages } as AgentConfig));
  const events: RawEvent[] = [];
  let request: unknown;
  const settled = await withWarnings(() =>
    agent.runAgent(
      { ...parameters, ...(tools === undefined ? {} : { tools: tools as RunAgentInput["tools"] }) } as object,
      {
        onRunInitialized: ({ input }) => {
          request = structuredClone(input);
        },
        onEvent: ({ event }) => {
          events.push(structuredClone(event) as RawEvent);
        },
      },
    ),
  );
  return {
    outcome: settled.error === undefined ? "completed" : "failed",
    error: settled.error ?? "",
    events,
    warnings: settled.warnings,
    messages: plain(agent.messages),
    state: plain(agent.state),
    request,
  };
}

/** An agent that emits the events of a stream in the same process, as they are. */
export function inProcessAgent(stream: Stream): AgentMaker {
  class InProcessAgent extends pinned(StockAgent, stream.client?.maxProtocolVersion) {
    run(): Observable<BaseEvent> {
      return from(structuredClone(stream.stream) as unknown as BaseEvent[]);
    }
  }
  return (config) => new InProcessAgent(config);
}

/** Makes a subclass whose peer is no newer than `version`; without one, the class itself. */
export function pinned<Base extends abstract new (...args: never[]) => AbstractAgent>(
  base: Base,
  version: string | undefined,
): Base {
  if (version === undefined) return base;
  abstract class Pinned extends (base as abstract new (...args: never[]) => AbstractAgent) {
    override get maxProtocolVersion(): string {
      return version as string;
    }
  }
  return Pinned as unknown as Base;
}

async function withWarnings(work: () => Promise<unknown>): Promise<{ error?: string; warnings: string[] }> {
  const { warn, error } = console;
  const warnings: string[] = [];
  console.warn = (...parts: unknown[]) => void warnings.push(parts.map(String).join(" "));
  // The client prints what it is about to throw; the thrown error is what is recorded.
  console.error = () => {};
  try {
    await work();
    return { warnings };
  } catch (thrown) {
    return { warnings, error: thrown instanceof Error ? thrown.message : String(thrown) };
  } finally {
    console.warn = warn;
    console.error = error;
  }
}

/** As JSON would carry it: members that are undefined are gone. */
export function plain<T>(value: T): T {
  return value === undefined ? value : JSON.parse(JSON.stringify(value));
}
