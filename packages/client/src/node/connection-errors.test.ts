import { createServer, type Server, type Socket } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import { freePort } from "@dragoman/testing";
import { afterEach, describe, expect, it } from "vitest";
import type { AgentClient } from "../agent-client.ts";
import { createAgentClient as createFetchAgentClient } from "../fetch-agent-client.ts";
import { certificates } from "../testing/certificates.ts";
import { startLogHost, variedRun } from "../testing/log-host.ts";
import { createAgentClient } from "./agent-client.ts";

const clients: Record<string, (baseUrl: string) => AgentClient> = {
  gRPC: (baseUrl) => createAgentClient({ baseUrl }),
  "gRPC-Web over HTTP/2": (baseUrl) => createAgentClient({ baseUrl, protocol: "grpc-web" }),
  "Connect over HTTP/2": (baseUrl) => createAgentClient({ baseUrl, protocol: "connect" }),
  "gRPC-Web over HTTP/1.1": (baseUrl) =>
    createAgentClient({ baseUrl, protocol: "grpc-web", httpVersion: "1.1" }),
  "Connect over HTTP/1.1": (baseUrl) =>
    createAgentClient({ baseUrl, protocol: "connect", httpVersion: "1.1" }),
  "gRPC-Web by fetch": (baseUrl) => createFetchAgentClient({ baseUrl }),
  "Connect by fetch": (baseUrl) => createFetchAgentClient({ baseUrl, protocol: "connect" }),
};

/** The ways in which a server that is going to pieces treats a connection. */
const ways: Record<string, (socket: Socket) => void> = {
  "resets it": (socket) => socket.resetAndDestroy(),
  "closes it": (socket) => socket.end(),
  "closes it at the first bytes": (socket) => socket.once("data", () => socket.end()),
  "resets it at the first bytes": (socket) => socket.once("data", () => socket.resetAndDestroy()),
};

/** The answer to an HTTP/1.1 request, up to the middle of its body. */
const beginning =
  "HTTP/1.1 200 OK\r\nContent-Type: application/proto\r\nContent-Length: 100\r\n\r\n0123456789";

let server: Server | undefined;
afterEach(() => void server?.close());

async function listen(onConnection: (socket: Socket) => void): Promise<string> {
  server = createServer((socket) => {
    socket.on("error", () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return `http://127.0.0.1:${address.port}`;
}

async function errorOf(client: AgentClient, task: (client: AgentClient) => Promise<unknown>) {
  try {
    await task(client);
    throw new Error("the call succeeded");
  } catch (error) {
    return ConnectError.from(error);
  } finally {
    client.close();
  }
}

const check = (client: AgentClient) => client.agui.healthCheck({});
const stream = async (client: AgentClient) => {
  for await (const _ of client.agui.runAgent({ input: { threadId: "t", runId: "r" } }));
};

describe.each(Object.entries(clients))("%s", (_, open) => {
  it.each(Object.entries(ways))("is UNAVAILABLE where the server %s", async (_, way) => {
    const url = await listen(way);
    for (const call of [check, stream]) {
      const error = await errorOf(open(url), call);
      expect(`${Code[error.code]}: ${error.rawMessage}`).toMatch(/^Unavailable: ./);
    }
  });

  it("is UNAVAILABLE where there is no server", async () => {
    const error = await errorOf(open(`http://127.0.0.1:${await freePort()}`), check);
    expect(Code[error.code]).toBe("Unavailable");
  });

  it("is CANCELED where the caller aborts", async () => {
    const abort = new AbortController();
    const url = await listen((socket) => {
      abort.abort();
      socket.resetAndDestroy();
    });
    const error = await errorOf(open(url), ({ agui }) => agui.healthCheck({}, { signal: abort.signal }));
    expect(Code[error.code]).toBe("Canceled");
  });
});

it.each(["1.1", "fetch"])("is UNAVAILABLE where the answer is cut off (%s)", async (kind) => {
  const url = await listen((socket) => socket.once("data", () => socket.end(beginning)));
  const error = await errorOf(
    kind === "fetch"
      ? createFetchAgentClient({ baseUrl: url, protocol: "connect" })
      : createAgentClient({ baseUrl: url, protocol: "connect", httpVersion: "1.1" }),
    check,
  );
  expect(Code[error.code]).toBe("Unavailable");
});

it.each([
  ["grpc", "2"],
  ["connect", "2"],
  ["connect", "1.1"],
] as const)(
  "is UNAVAILABLE without the certificate that a server wants, %s over HTTP/%s",
  async (protocol, httpVersion) => {
    const { authority: ca, serverCertificate: cert, serverKey: key } = certificates;
    await using host = await startLogHost(variedRun("t", "r"), { cert, key, ca, requestCert: true });
    const baseUrl = httpVersion === "2" ? host.h2Url : host.h1Url;
    for (let round = 0; round < 10; round += 1) {
      const error = await errorOf(createAgentClient({ baseUrl, protocol, httpVersion, tls: { ca } }), check);
      expect(Code[error.code]).toBe("Unavailable");
    }
  },
);

it("leaves a status of the server as it is", async () => {
  await using host = await startLogHost(variedRun("t", "r"));
  const error = await errorOf(createAgentClient({ baseUrl: host.h2Url }), check);
  expect(Code[error.code]).toBe("Unimplemented");
});
