import * as http2 from "node:http2";
import { connect } from "node:net";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { AGUIService, type RunAgentResponse } from "@dragoman/contract/agent/v1/agui_service_pb";
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from "@dragoman/contract/grpc/health/v1/health_pb";
import { errorReasonOf } from "@dragoman/rpc";
import { describe, expect, test } from "vitest";
import { createServer } from "./index.ts";
import { testService } from "./testing/test-service.ts";

async function start() {
  const { entry, seen } = testService();
  const server = createServer({ services: [entry] });
  const { url, port } = await server.listen();
  return { server, baseUrl: url, port, seen };
}

/** Opens a stream and waits for its first item; `rest` tells how it ended. */
async function openStream(baseUrl: string, runId: string, httpVersion: "1.1" | "2" = "2") {
  const transport =
    httpVersion === "2" ? createGrpcTransport({ baseUrl }) : createConnectTransport({ baseUrl, httpVersion });
  const stream = createClient(AGUIService, transport).runAgent({ input: { threadId: "t", runId } });
  const iterator = stream[Symbol.asyncIterator]();
  const first = (await iterator.next()).value as RunAgentResponse;
  const rest = (async () => {
    try {
      while ((await iterator.next()).done !== true);
      return undefined;
    } catch (error) {
      return ConnectError.from(error);
    }
  })();
  return { first, rest };
}

describe("a drain", () => {
  test("is clean when nothing is open", async () => {
    const { server } = await start();
    expect(await server.drain()).toBe("clean");
    expect(await server.drain()).toBe("clean");
  });

  test("of a server that never listened is clean", async () => {
    expect(await createServer({ services: [] }).drain()).toBe("clean");
  });

  test("closes connections that are kept alive without a request", async () => {
    const { server, baseUrl, port } = await start();
    await (await fetch(`${baseUrl}/healthz`)).text();
    const silent = connect(port, "127.0.0.1").on("error", () => {});
    await new Promise((resolve) => silent.once("connect", resolve));
    const session = http2.connect(baseUrl).on("error", () => {});
    await new Promise((resolve) => session.once("remoteSettings", resolve));
    expect(await server.drain({ graceMs: 5_000 })).toBe("clean");
    silent.destroy();
    session.destroy();
  });

  test.each(["1.1", "2"] as const)(
    "lets calls finish over HTTP/%s, and takes no new connections",
    async (version) => {
      const { server, baseUrl } = await start();
      const { rest } = await openStream(baseUrl, "paused", version);
      const drained = server.drain({ graceMs: 10_000 });
      await expect
        .poll(() =>
          fetch(`${baseUrl}/healthz`).then(
            () => "answered",
            () => "refused",
          ),
        )
        .toBe("refused");
      expect(await rest).toBeUndefined();
      expect(await drained).toBe("clean");
    },
  );

  test.each(["1.1", "2"] as const)(
    "ends what is still open over HTTP/%s with UNAVAILABLE",
    async (version) => {
      const { server, baseUrl } = await start();
      const { rest } = await openStream(baseUrl, "open", version);
      const unary = createClient(AGUIService, createGrpcTransport({ baseUrl })).validateInput({ input: {} });
      const unaryError = unary.catch((error: unknown) => ConnectError.from(error));
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(await server.drain({ graceMs: 50 })).toBe("stopped");
      const error = await rest;
      expect([error?.code, errorReasonOf(error)]).toEqual([Code.Unavailable, "SHUTTING_DOWN"]);
      expect((await unaryError) as ConnectError).toMatchObject({ code: Code.Unavailable });
    },
  );

  test("destroys what cannot be told", async () => {
    const { server, port, seen } = await start();
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    const body = JSON.stringify({ input: { threadId: "t", runId: "endless" } });
    const envelope = Buffer.alloc(5 + body.length);
    envelope.writeUInt32BE(body.length, 1);
    envelope.write(body, 5);
    socket.write(
      `POST /agent.v1.AGUIService/RunAgent HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/connect+json\r\ncontent-length: ${envelope.length}\r\n\r\n`,
    );
    socket.write(envelope);
    // Reads a little, then nothing more.
    await new Promise((resolve) => socket.once("data", resolve));
    socket.pause();
    // Until nothing more fits between the handler and this client.
    for (let before = -1; before !== seen.elements.length; ) {
      before = seen.elements.length;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(await server.drain({ graceMs: 50, forceMs: 100 })).toBe("forced");
    socket.destroy();
  });

  test("first tells probes, and waits for them to notice", async () => {
    const { server, baseUrl } = await start();
    const client = createClient(Health, createGrpcTransport({ baseUrl }));
    const seen: Status[] = [];
    const watching = (async () => {
      for await (const { status } of client.watch({ service: "agent.v1.AGUIService" })) {
        seen.push(status);
      }
    })().catch(() => {});
    await expect.poll(() => seen).toEqual([Status.SERVING]);
    const drained = server.drain({ readinessDelayMs: 300, graceMs: 50 });
    await expect.poll(() => seen).toEqual([Status.SERVING, Status.NOT_SERVING]);
    expect((await client.check({})).status).toBe(Status.NOT_SERVING);
    const ready = await fetch(`${baseUrl}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: "not serving" }]);
    expect((await fetch(`${baseUrl}/healthz`)).status).toBe(200);
    server.health.setServing(true);
    expect((await client.check({})).status).toBe(Status.NOT_SERVING);
    await drained;
    await watching;
  });
});
