import type { Agent } from "@dragoman/agent";
import {
  type AguiEvent,
  createReducer,
  decodeEvent,
  type Message,
  type RunAgentInput,
  readFrames,
} from "@dragoman/agui";
import { openMemoryStore, type Store } from "@dragoman/event-log";
import type { Attachment, AttachOptions } from "../attachment.ts";
import { type Engine, type EngineOptions, openEngine } from "../engine.ts";
import type { RunRequest } from "../start-run.ts";

/** An event as a reader saw it; prelude events have no sequence. */
export interface Seen {
  readonly sequence: number | undefined;
  readonly event: AguiEvent;
}

/** Reads an attachment to its end, or until `count` events were seen. */
export async function readAll(attachment: Attachment, count = Number.POSITIVE_INFINITY): Promise<Seen[]> {
  const seen: Seen[] = (attachment.prelude?.events ?? []).map((event) => ({ sequence: undefined, event }));
  try {
    while (seen.length < count) {
      const result = await attachment.next();
      if (result === "end") break;
      if (result === "idle") continue;
      const { frames } = result.batch;
      readFrames(frames, ({ sequence, start, end }) => {
        seen.push({ sequence, event: decodeEvent(frames, start, end) });
      });
    }
    return seen;
  } finally {
    attachment.close();
  }
}

export const types = (seen: readonly Seen[]) => seen.map(({ event }) => event.type);

/** What a client that saw these events holds. */
export function reduced(seen: readonly Seen[]): { messages: readonly Message[]; state: unknown } {
  const reducer = createReducer({});
  for (const { event } of seen) reducer.push(event);
  return { messages: reducer.messages, state: reducer.state };
}

export const attach = (options: Partial<AttachOptions> = {}): AttachOptions => {
  return { idleMs: 5_000, signal: new AbortController().signal, ...options };
};

export const user = (id: string, content = id): Message => ({ id, role: "user", content });

export function input(
  runId: string,
  messages: Message[] = [],
  more: Partial<RunAgentInput> = {},
): RunAgentInput {
  return { threadId: "t", runId, messages, ...more };
}

export function request(runInput: RunAgentInput, more: Partial<RunRequest> = {}): RunRequest {
  const disconnect = { action: "continue", graceMs: 0 } as const;
  return { namespace: "default", agentId: "", input: runInput, disconnect, ...more };
}

export const key = { namespace: "default", id: "t" };

/** An agent that answers with the id of its run; `steps` lets a test hold it. */
export function echoAgent(): Agent & { readonly inputs: RunAgentInput[] } {
  const inputs: RunAgentInput[] = [];
  return {
    inputs,
    async *run(runInput) {
      inputs.push(runInput);
      const messageId = `a-${runInput.runId}`;
      yield { type: "TEXT_MESSAGE_START", messageId, role: "assistant" };
      yield { type: "TEXT_MESSAGE_CONTENT", messageId, delta: "hello " };
      yield { type: "TEXT_MESSAGE_CONTENT", messageId, delta: runInput.runId };
      yield { type: "TEXT_MESSAGE_END", messageId };
      yield { type: "RUN_FINISHED", threadId: runInput.threadId, runId: runInput.runId };
    },
  };
}

/** Makes an agent of a generator. */
export function agentOf(run: Agent["run"]): Agent {
  return { run };
}

/** An agent that says one word, then waits until it is released or stopped. */
export function heldAgent(): Agent & {
  release(): void;
  readonly started: Promise<void>;
  readonly stopped: Promise<void>;
} {
  let release = () => {};
  let markStarted = () => {};
  let markStopped = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const started = new Promise<void>((resolve) => {
    markStarted = resolve;
  });
  const stopped = new Promise<void>((resolve) => {
    markStopped = resolve;
  });
  return {
    release: () => release(),
    started,
    stopped,
    async *run({ threadId, runId }, { signal }) {
      const messageId = `h-${runId}`;
      signal.addEventListener("abort", () => markStopped(), { once: true });
      yield { type: "TEXT_MESSAGE_START", messageId, role: "assistant" };
      yield { type: "TEXT_MESSAGE_CONTENT", messageId, delta: "wait" };
      markStarted();
      await Promise.race([held, new Promise((resolve) => signal.addEventListener("abort", resolve))]);
      yield { type: "TEXT_MESSAGE_END", messageId };
      yield { type: "RUN_FINISHED", threadId, runId };
    },
  };
}

/** Opens an engine on a store in memory with one agent, the default one. */
export async function engineWith(
  agent: Agent,
  options: Partial<EngineOptions> = {},
): Promise<{ engine: Engine; store: Store }> {
  const store = options.store ?? (await openMemoryStore());
  const find = (agentId: string) =>
    agentId === "" || agentId === "agent" ? { agentId: "agent", agent } : undefined;
  const engine = await openEngine({ agents: { find }, ...options, store });
  return { engine, store };
}

/** Starts a run and reads it to its end. */
export async function runToEnd(
  engine: Engine,
  runInput: RunAgentInput,
  more: Partial<RunRequest> = {},
): Promise<Seen[]> {
  const { attachment } = await engine.start(request(runInput, more), attach());
  return readAll(attachment);
}
