import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { AguiEvent, RunAgentInput } from "@dragoman/agui";

/** An AG-UI agent behind the server whose runs wait for the test. `await using` stops it. */
export interface HeldAgent extends AsyncDisposable {
  readonly url: string;
  /** Every input that it was given, in order. */
  readonly inputs: readonly RunAgentInput[];
  /** Emits events in a run that waits. */
  emit(runId: string, ...events: readonly AguiEvent[]): void;
  /** Says something in a run that waits, and finishes it. */
  finish(runId: string, said?: string): void;
  /** Resolves when the agent was called for a run. */
  called(runId: string): Promise<void>;
}

/** Starts it on a free port. */
export async function startHeldAgent(): Promise<HeldAgent> {
  const inputs: RunAgentInput[] = [];
  const open = new Map<string, ServerResponse>();
  const waiting = new Set<() => void>();
  const server = createServer(async (request, response) => {
    const input = JSON.parse(await text(request)) as RunAgentInput;
    inputs.push(input);
    open.set(input.runId, response);
    response.writeHead(200, { "content-type": "text/event-stream" });
    write(response, { type: "RUN_STARTED", threadId: input.threadId, runId: input.runId });
    for (const look of waiting) look();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const emit = (runId: string, ...events: readonly AguiEvent[]) => {
    const response = open.get(runId);
    if (!response) throw new Error(`the agent was not called for ${runId}`);
    for (const event of events) write(response, event);
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    inputs,
    emit,
    finish(runId, said = `done ${runId}`) {
      const messageId = `answer-${runId}`;
      emit(
        runId,
        { type: "TEXT_MESSAGE_START", messageId, role: "assistant" },
        { type: "TEXT_MESSAGE_CONTENT", messageId, delta: said },
        { type: "TEXT_MESSAGE_END", messageId },
        { type: "RUN_FINISHED", threadId: "any", runId },
      );
      open.get(runId)?.end();
    },
    called: (runId) =>
      new Promise((resolve) => {
        const look = () => {
          if (!open.has(runId)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function write(response: ServerResponse, event: AguiEvent): void {
  response.write(`data: ${JSON.stringify(event)}\n\n`);
}
