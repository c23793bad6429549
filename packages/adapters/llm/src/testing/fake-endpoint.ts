import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "@dragoman/agui";

/** A request as the endpoint got it. */
export interface Received {
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: JsonObject & { messages: JsonObject[] };
}

/** Answers one request. */
export type Answer = (response: ServerResponse, received: Received) => void | Promise<void>;

/** A chat-completions endpoint on a real socket. */
export interface FakeEndpoint extends AsyncDisposable {
  readonly baseURL: string;
  readonly received: Received[];
  /** How many requests are open right now. */
  readonly open: () => number;
}

/** Starts an endpoint that gives these answers one after the other, the last one over and over. */
export async function startEndpoint(...answers: Answer[]): Promise<FakeEndpoint> {
  const received: Received[] = [];
  let open = 0;
  const server = createServer(async (request, response) => {
    open += 1;
    response.on("close", () => {
      open -= 1;
    });
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const item = {
      path: request.url,
      headers: request.headers,
      body: JSON.parse(Buffer.concat(pieces).toString()),
    };
    received.push(item);
    await (answers[received.length - 1] ?? answers.at(-1)!)(response, item);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    baseURL: `http://127.0.0.1:${port}/v1`,
    received,
    open: () => open,
    [Symbol.asyncDispose]: () => stop(server),
  };
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
}

/** Begins a stream and sends the pieces as they are, each in a turn of its own. */
export async function send(response: ServerResponse, ...pieces: string[]): Promise<void> {
  if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
  for (const piece of pieces) {
    await new Promise((resolve) => response.write(piece, resolve));
    await new Promise(setImmediate);
  }
}

/** Sends the chunks and ends the answer as the protocol says. */
export function chunks(...items: unknown[]): Answer {
  return async (response) => {
    await send(response, ...items.map(data), "data: [DONE]\n\n");
    response.end();
  };
}

/** A chunk as an SSE record. */
export const data = (chunk: unknown) => `data: ${JSON.stringify(chunk)}\n\n`;

/** A chunk of an answer with this delta. */
export function delta(value: JsonObject, finishReason: string | null = null) {
  return {
    id: "c",
    object: "chat.completion.chunk",
    created: 1,
    model: "fake-1",
    ...choice(value, finishReason),
  };
}

const choice = (value: JsonObject, finishReason: string | null) => ({
  choices: [{ index: 0, delta: value, finish_reason: finishReason }],
});

/** A chunk with a text. */
export const text = (content: string) => delta({ content });
/** The last chunk with a choice. */
export const finish = (reason = "stop") => delta({}, reason);
/** A chunk with a piece of a tool call. */
export const call = (index: number, piece: { id?: string; name?: string; args?: string }) =>
  delta({
    tool_calls: [
      {
        index,
        ...(piece.id === undefined ? {} : { id: piece.id, type: "function" }),
        function: { ...(piece.name === undefined ? {} : { name: piece.name }), arguments: piece.args ?? "" },
      },
    ],
  });
/** The chunk with the count of tokens. */
export const usage = (prompt: number, completion: number, more: JsonObject = {}) => ({
  ...delta({}),
  choices: [],
  usage: {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    ...more,
  },
});
