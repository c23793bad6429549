import * as http2 from "node:http2";
import { connect, createServer as createNetServer, type Socket } from "node:net";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import { expect, test } from "vitest";
import { createServer } from "./index.ts";
import { mutated, seeded } from "./testing/random-bytes.ts";
import { testService } from "./testing/test-service.ts";

const json = JSON.stringify({ input: { threadId: "t", runId: "ok" } });
const envelope = Buffer.concat([Buffer.from([0, 0, 0, 0, json.length]), Buffer.from(json)]);

function http1(path: string, contentType: string, body: Uint8Array): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${contentType}\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

/** What an HTTP/2 client sends for a call, before it has heard anything. */
async function http2Bytes(contentType: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const listener = createNetServer((socket) => {
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as { port: number };
  const session = http2.connect(`http://127.0.0.1:${port}`).on("error", () => {});
  const stream = session.request({
    ":method": "POST",
    ":path": "/agent.v1.AGUIService/RunAgent",
    "content-type": contentType,
  });
  stream.on("error", () => {});
  stream.end(envelope);
  await expect.poll(() => Buffer.concat(chunks).includes(json)).toBe(true);
  session.destroy();
  listener.close();
  return Buffer.concat(chunks);
}

/** Sends bytes in some pieces, listens a little, and goes away in one of several ways. */
async function attack(port: number, bytes: Buffer, random: (below: number) => number): Promise<void> {
  const socket: Socket = connect(port, "127.0.0.1").on("error", () => {});
  socket.resume();
  for (let start = 0; start < bytes.length && !socket.destroyed; ) {
    const end = start + 1 + random(bytes.length);
    socket.write(bytes.subarray(start, end));
    start = end;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, random(30)));
  if (random(3) === 0) {
    socket.end();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  if (random(2) === 0) {
    socket.resetAndDestroy();
  } else {
    socket.destroy();
  }
}

test.each([1, 2, 3, 4])("a server survives mutated requests, seed %i", async (seed) => {
  const logged: unknown[] = [];
  const log = {
    error: (...given: unknown[]) => logged.push(given),
    warn: (...given: unknown[]) => logged.push(given),
  };
  const { entry } = testService();
  const server = createServer({
    services: [entry],
    log,
    limits: { headerTimeoutMs: 300, bodyStallTimeoutMs: 300 },
  });
  const { port, url } = await server.listen();
  const samples = [
    http1("/agent.v1.AGUIService/GetServiceInfo", "application/json", Buffer.from('{"agentId":"a"}')),
    http1("/agent.v1.AGUIService/RunAgent", "application/connect+json", envelope),
    http1("/agent.v1.AGUIService/RunAgent", "application/grpc-web+json", envelope),
    Buffer.from(
      "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\nGET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ),
    await http2Bytes("application/grpc+json"),
    await http2Bytes("application/connect+json"),
  ];
  const random = seeded(seed);
  for (let round = 0; round < 15; round++) {
    await Promise.all(
      Array.from({ length: 10 }, () =>
        attack(port, mutated(samples[random(samples.length)]!, random), random),
      ),
    );
  }
  const client = createClient(AGUIService, createGrpcTransport({ baseUrl: url }));
  expect((await client.getServiceInfo({ agentId: "alive" })).name).toBe("hello alive");
  expect(logged).toEqual([]);
  // Nothing is left open by any of them.
  expect(await server.drain({ graceMs: 5_000 })).toBe("clean");
});
