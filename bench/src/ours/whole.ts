import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Agent } from "@dragoman/agent";
import { remoteAgent } from "@dragoman/agent/remote";
import type { AguiEvent } from "@dragoman/agui";
import { openEngine } from "@dragoman/engine";
import { openMemoryStore, type Store } from "@dragoman/event-log";
import { createAgentDirectory, createServices } from "@dragoman/orchestrator";
import { createAguiHttpProtocol } from "@dragoman/protocol-sse";
import { createServer } from "@dragoman/server";
import { openSqliteStore } from "@dragoman/store-sqlite";
import { Broadcast, mixEvents, pacedEvents, readPlan } from "../workload.ts";

/** Everything that `dragoman serve` is made of, with an agent that emits what a benchmark asks for. */
const broadcast = new Broadcast();

const agent: Agent = {
  description: "Emits what a benchmark asks for.",
  run: ({ threadId, runId }) => {
    const plan = readPlan(runId);
    if (plan.kind === "mix") return each(mixEvents(plan.cycles, threadId, runId));
    if (plan.kind === "paced") return pacedEvents(plan, { threadId, runId });
    if (plan.kind === "shared") return inMessage(broadcastEvents(), threadId, runId);
    return silence();
  },
};

/** One at a time, as agents yield them. */
async function* each(events: Iterable<AguiEvent>): AsyncGenerator<AguiEvent> {
  yield* events;
}

/** The deltas of one message, and what it takes to make a run of it. */
async function* inMessage(
  deltas: AsyncIterable<AguiEvent>,
  threadId: string,
  runId: string,
): AsyncGenerator<AguiEvent> {
  yield { type: "TEXT_MESSAGE_START", messageId: "stamped", role: "assistant" };
  yield* deltas;
  yield { type: "TEXT_MESSAGE_END", messageId: "stamped" };
  yield { type: "RUN_FINISHED", threadId, runId };
}

async function* broadcastEvents(): AsyncGenerator<AguiEvent> {
  const queue: (AguiEvent | undefined)[] = [];
  let wake: (() => void) | undefined;
  const stop = broadcast.listen((event) => {
    queue.push(event);
    wake?.();
  });
  try {
    for (;;) {
      while (queue.length > 0) {
        const event = queue.shift();
        if (event === undefined) return;
        yield event;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    stop();
  }
}

async function* silence(): AsyncGenerator<AguiEvent> {
  await new Promise(() => {});
}

export interface WholeOptions {
  readonly store: "sqlite" | "memory";
  /** The port of an agent host to run instead of the agent inside. */
  readonly upstream?: number;
}

async function openStore({ store }: WholeOptions): Promise<Store> {
  if (store === "memory") return openMemoryStore();
  const folder = mkdtempSync(join(tmpdir(), "dragoman-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return openSqliteStore({ folder });
}

export const commands = {
  async listen(options: WholeOptions): Promise<{ http1: number; http2: number }> {
    const store = await openStore(options);
    const agents = createAgentDirectory([
      {
        agentId: "bench",
        agent:
          options.upstream === undefined ? agent : remoteAgent({ target: `127.0.0.1:${options.upstream}` }),
      },
    ]);
    const engine = await openEngine({ store, agents, onError: (error) => console.error(error) });
    const wires = ["grpc", "grpc-web", "connect", "sse", "ag-ui-binary"];
    const services = createServices({
      engine,
      agents,
      version: "0.0.0",
      durability: store.durability,
      wires,
    });
    const server = createServer({ services, protocols: [createAguiHttpProtocol()] });
    const { port } = await server.listen();
    return { http1: port, http2: port };
  },
  broadcast: ({ count, intervalMs }: { count: number; intervalMs: number }) =>
    broadcast.emit(count, intervalMs),
};
