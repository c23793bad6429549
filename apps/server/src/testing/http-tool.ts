import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A call as an endpoint got it. */
export interface ReceivedCall {
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** An HTTP endpoint on a real socket that is registered as a tool, or plays a model. */
export interface HttpTool extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly received: readonly ReceivedCall[];
}

/** Starts an endpoint. By default it answers what it got. */
export async function startHttpTool(
  answer: (call: ReceivedCall, response: ServerResponse) => void = ({ body }, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(body);
  },
): Promise<HttpTool> {
  const received: ReceivedCall[] = [];
  const server = createServer(async (request, response) => {
    const call = { url: request.url, headers: request.headers, body: await text(request) };
    received.push(call);
    answer(call, response);
  });
  server.listen(0);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
