import type { Agent } from "@dragoman/agent";
import type { AguiEvent, RunAgentInput } from "@dragoman/agui";
import { type EngineLimits, openEngine } from "@dragoman/engine";
import type { Store } from "@dragoman/event-log";
import { Batches } from "../batches.ts";
import type { BatchOptions, ItemInfo } from "../entries.ts";
import type { BatchItem } from "../item-ids.ts";
import type { BatchLimits } from "../limits.ts";
import type { NewBatch } from "../make-batch.ts";
import type { BatchStreamItem } from "../stream.ts";

/** An agent that says what it was asked, and keeps count of it. */
export function countingAgent(): Agent & { readonly begun: string[] } {
  const begun: string[] = [];
  return {
    begun,
    async *run({ threadId, runId, forwardedProps }: RunAgentInput) {
      const name = String(forwardedProps);
      begun.push(name);
      yield* saying(name);
      yield { type: "RUN_FINISHED", threadId, runId };
    },
  };
}

/** The events that say a text. */
export function saying(text: string): AguiEvent[] {
  const messageId = "m";
  return [
    { type: "TEXT_MESSAGE_START", messageId, role: "assistant" },
    { type: "TEXT_MESSAGE_CONTENT", messageId, delta: text },
    { type: "TEXT_MESSAGE_END", messageId },
  ];
}

/** An agent whose runs end when they are told to: by the item's name. */
export function toldAgent() {
  const begun: string[] = [];
  const open = new Map<string, (event: AguiEvent | undefined) => void>();
  let most = 0;
  const agent: Agent = {
    async *run({ threadId, runId, forwardedProps }, { signal }) {
      const name = String(forwardedProps);
      begun.push(name);
      const told = new Promise<AguiEvent | undefined>((resolve) => {
        open.set(name, resolve);
        signal.addEventListener("abort", () => tell(name, undefined));
      });
      most = Math.max(most, open.size);
      yield* saying(name);
      const event = await told;
      yield event ?? { type: "RUN_FINISHED", threadId, runId };
    },
  };
  const tell = (name: string, event: AguiEvent | undefined) => {
    const told = open.get(name);
    open.delete(name);
    told?.(event);
  };
  return {
    agent,
    begun,
    /** The names of the items whose runs wait. */
    open: () => [...open.keys()],
    /** How many runs were open at once at most. */
    most: () => most,
    finish: (name: string) => tell(name, undefined),
    fail: (name: string) => tell(name, { type: "RUN_ERROR", message: "it cannot be done", code: "NO_LUCK" }),
  };
}

interface ServerOptions {
  readonly limits?: Partial<BatchLimits>;
  readonly engineLimits?: Partial<EngineLimits>;
  readonly now?: () => number;
  readonly retentionMs?: number;
}

/** A server without a network: an engine with its batches. */
export async function openServer(
  store: Store,
  agent: Agent,
  { limits = {}, engineLimits = {}, now = Date.now, retentionMs }: ServerOptions = {},
) {
  const agents = { find: (agentId: string) => (agentId === "absent" ? undefined : { agentId: "a", agent }) };
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const engine = await openEngine({ store, agents, onError, limits: engineLimits });
  const batches = new Batches({ engine, agents, catalog: store.catalog, limits, now, retentionMs, onError });
  await batches.recover();
  return { engine, batches, errors };
}

/** An item; its name is what its agent is asked. */
export function item(name: string, threadId = "", runId = ""): BatchItem {
  return { agentId: "", input: { threadId, runId, messages: [], forwardedProps: name } };
}

export function newBatch(
  items: readonly BatchItem[],
  options: Partial<BatchOptions> = {},
  batchId = "b",
): NewBatch {
  return {
    namespace: "default",
    batchId,
    items,
    options: { parallelism: 2, stopOnFailure: false, ...options },
  };
}

/** Reads a batch from its beginning. */
export function read(batches: Batches, batchId = "b", signal = new AbortController().signal) {
  return batches.read("default", batchId, { withEvents: false, idleMs: 60_000, signal });
}

/** Reads a batch to its end, and returns its items as they ended, in their order. */
export async function readToEnd(batches: Batches, batchId = "b"): Promise<ItemInfo[]> {
  const items = new Map<number, ItemInfo>();
  for await (const one of read(batches, batchId))
    if (one.type === "item") items.set(one.item.index, one.item);
  return [...items.values()].sort((a, b) => a.index - b.index);
}

/** Reads a batch, and keeps what came. */
export function record(batches: Batches, batchId = "b") {
  const seen: BatchStreamItem[] = [];
  const ended = (async () => {
    for await (const one of read(batches, batchId)) seen.push(one);
    return seen;
  })();
  return { seen, ended };
}
