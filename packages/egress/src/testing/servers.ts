import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";

/** A request as a server got it. */
export interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A server on the loopback interface. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly received: Received[];
  /** The connections that are open. */
  readonly sockets: ReadonlySet<Socket>;
  /** How many connections there were. */
  readonly accepted: () => number;
}

/** Starts an HTTP server, or an HTTPS one where it has a key. */
export async function serveHttp(
  answer: RequestListener,
  tls?: { readonly key: string; readonly cert: string },
): Promise<TestServer> {
  const received: Received[] = [];
  const listener: RequestListener = async (request, response) => {
    const { method, url, headers } = request;
    try {
      const pieces = await request.toArray();
      received.push({ method, url, headers, body: Buffer.concat(pieces).toString() });
    } catch {
      return;
    }
    answer(request, response);
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  return listen(server, received, tls === undefined ? "http" : "https");
}

/** Starts a TCP server that does as it likes. */
export async function serveTcp(onConnection: (socket: Socket) => void): Promise<TestServer> {
  return listen(createTcpServer(onConnection), [], "http");
}

async function listen(
  server: ReturnType<typeof createTcpServer>,
  received: Received[],
  scheme: string,
): Promise<TestServer> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on("connection", (socket) => {
    accepted++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    port,
    url: `${scheme}://127.0.0.1:${port}`,
    received,
    sockets,
    accepted: () => accepted,
    [Symbol.asyncDispose]: stop,
  };
}
