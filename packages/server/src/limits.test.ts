import * as http2 from "node:http2";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { compressionGzip, createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import { errorInfoOf } from "@dragoman/rpc";
import { afterEach, expect, test } from "vitest";
import { createServer, defaultLimits, type Limits, type Server } from "./index.ts";
import { testService } from "./testing/test-service.ts";

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(limits: Partial<Limits>): Promise<{ url: string; port: number }> {
  const server = createServer({ services: [testService().entry], limits });
  servers.push(server);
  return server.listen();
}

const client = (baseUrl: string) => createClient(AGUIService, createGrpcTransport({ baseUrl }));
const run = (baseUrl: string, runId: string) => client(baseUrl).runAgent({ input: { threadId: "t", runId } });

async function failure(call: Promise<unknown> | AsyncIterable<unknown>): Promise<ConnectError> {
  try {
    if (call instanceof Promise) {
      await call;
    } else {
      for await (const _ of call);
    }
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("the call did not fail");
}

/** Opens a stream and waits for its first item. Returns what cancels it. */
async function open(baseUrl: string): Promise<() => void> {
  const controller = new AbortController();
  const call = { input: { threadId: "t", runId: "open" } };
  const stream = client(baseUrl).runAgent(call, { signal: controller.signal });
  await stream[Symbol.asyncIterator]().next();
  return () => controller.abort();
}

test("every limit must be a sensible number", () => {
  for (const name of Object.keys(defaultLimits)) {
    for (const value of [-1, 1.5, Number.NaN, 2 ** 33]) {
      expect(() => createServer({ services: [], limits: { [name]: value } })).toThrow(
        `limit ${name} must be`,
      );
    }
  }
});

test("readMaxBytes holds after decompression too", async () => {
  const { url } = await serve({ readMaxBytes: 10_000 });
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: "2",
    sendCompression: compressionGzip,
    compressMinBytes: 0,
  });
  const error = await failure(
    createClient(AGUIService, transport).runAgent({ input: { threadId: "t", runId: "x".repeat(50_000) } }),
  );
  expect(error.code).toBe(Code.ResourceExhausted);
  const body = gzipSync(JSON.stringify({ agentId: "x".repeat(50_000) }));
  const response = await fetch(`${url}/agent.v1.AGUIService/GetServiceInfo`, {
    method: "POST",
    headers: { "content-type": "application/json", "content-encoding": "gzip" },
    body,
  });
  expect([response.status, (await response.json()).code]).toEqual([429, "resource_exhausted"]);
});

test("maxTimeoutMs shortens longer deadlines", async () => {
  const { url } = await serve({ maxTimeoutMs: 50 });
  const silent = { input: { threadId: "t", runId: "silent" } };
  for (const call of [
    () => client(url).runAgent(silent, { timeoutMs: 3_600_000 }),
    () => client(url).validateInput({}, { timeoutMs: 3_600_000 }),
    () => {
      const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1" });
      return createClient(AGUIService, transport).validateInput({}, { timeoutMs: 3_600_000 });
    },
  ])
    expect((await failure(call())).code).toBe(Code.DeadlineExceeded);
  await client(url).getServiceInfo({}, { timeoutMs: 3_600_000 });
});

test("maxConcurrentCalls refuses more calls, and takes them again later", async () => {
  const { url } = await serve({ maxConcurrentCalls: 2 });
  const first = await open(url);
  await open(url);
  for (const call of [() => client(url).getServiceInfo({}), () => run(url, "ok")]) {
    const error = await failure(call());
    expect(errorInfoOf(error)).toMatchObject({
      reason: "LIMIT_REACHED",
      metadata: { limit: "maxConcurrentCalls", value: "2" },
    });
  }
  expect((await fetch(`${url}/reflect`)).status).toBe(429);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  first();
  await expect
    .poll(() =>
      client(url)
        .getServiceInfo({})
        .then(
          ({ name }) => name,
          () => "refused",
        ),
    )
    .toBe("hello ");
});

test("maxStreamsPerConnection is told to clients", async () => {
  const { url } = await serve({ maxStreamsPerConnection: 7 });
  const session = http2.connect(url);
  const settings = await new Promise<http2.Settings>((resolve) => session.once("remoteSettings", resolve));
  expect(settings.maxConcurrentStreams).toBe(7);
  session.destroy();
});

test("maxConnections closes more of them", async () => {
  const { port } = await serve({ maxConnections: 1 });
  const first = connect(port, "127.0.0.1");
  await new Promise((resolve) => first.once("connect", resolve));
  const second = connect(port, "127.0.0.1").on("error", () => {});
  await new Promise((resolve) => second.once("close", resolve));
  expect(first.destroyed).toBe(false);
  first.destroy();
});

test("earlyHeadersMs is how long headers wait for what a handler adds", async () => {
  const patient = await serve({ earlyHeadersMs: 5_000 });
  const hasty = await serve({ earlyHeadersMs: 0 });
  const order = async (url: string) => {
    const seen: string[] = [];
    const call = { input: { threadId: "t", runId: "late-header" } };
    for await (const _ of client(url).runAgent(call, {
      onHeader: (header) => seen.push(header.get("x-late") ?? "none"),
    }));
    return seen;
  };
  expect(await order(patient.url)).toEqual(["1"]);
  expect(await order(hasty.url)).toEqual(["none"]);
});

test("idleTimeoutMs closes HTTP/2 connections without streams, and only those", async () => {
  const { url } = await serve({ idleTimeoutMs: 200 });
  const busy = http2.connect(url).on("error", () => {});
  const stream = busy.request({
    ":method": "POST",
    ":path": "/agent.v1.AGUIService/RunAgent",
    "content-type": "application/grpc",
  });
  stream.on("error", () => {});
  const idle = http2.connect(url);
  const code = await new Promise((resolve) => idle.once("goaway", resolve));
  expect(code).toBe(http2.constants.NGHTTP2_NO_ERROR);
  expect(busy.closed).toBe(false);
  stream.close();
  await new Promise((resolve) => busy.once("close", resolve));
});

test("keepaliveMs destroys connections that do not answer, and only those", async () => {
  const { url, port } = await serve({ keepaliveMs: 50, keepaliveTimeoutMs: 100 });
  const healthy = http2.connect(url);
  let pings = 0;
  healthy.on("ping", () => pings++);
  const dead = connect(port, "127.0.0.1").on("error", () => {});
  dead.resume();
  dead.write(
    Buffer.concat([
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
    ]),
  );
  await new Promise((resolve) => dead.once("close", resolve));
  await expect.poll(() => pings).toBeGreaterThan(2);
  expect(healthy.destroyed).toBe(false);
  healthy.destroy();
});
