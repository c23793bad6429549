import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { AguiEvent, RunAgentInput } from "@dragoman/agui";

/** An AG-UI agent of its own, behind the server: it keeps what it is given. `await using` stops it. */
export interface RecordingAgent extends AsyncDisposable {
  readonly url: string;
  /** Every input that it was given, in order. */
  readonly inputs: readonly RunAgentInput[];
  /** What it emits between RUN_STARTED and RUN_FINISHED. Default: a message that says how many it was given. */
  script: (input: RunAgentInput) => readonly AguiEvent[];
}

/** Starts it on a free port. */
export async function startRecordingAgent(): Promise<RecordingAgent> {
  const inputs: RunAgentInput[] = [];
  const server = createServer(async (request, response) => {
    const input = JSON.parse(await text(request)) as RunAgentInput;
    inputs.push(input);
    const { threadId, runId } = input;
    response.writeHead(200, { "content-type": "text/event-stream" });
    const events = [
      { type: "RUN_STARTED", threadId, runId },
      ...agent.script(input),
      { type: "RUN_FINISHED", threadId, runId },
    ];
    for (const event of events) response.write(`data: ${JSON.stringify(event)}\n\n`);
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const agent: RecordingAgent = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    inputs,
    script: countMessages,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return agent;
}

/** Says how many messages it was given. */
export function countMessages({ runId, messages }: RunAgentInput): AguiEvent[] {
  const messageId = `answer-${runId}`;
  return [
    { type: "TEXT_MESSAGE_START", messageId, role: "assistant" },
    { type: "TEXT_MESSAGE_CONTENT", messageId, delta: `I was given ${messages.length}.` },
    { type: "TEXT_MESSAGE_END", messageId },
  ];
}
