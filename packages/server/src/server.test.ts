import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import * as web from "@connectrpc/connect-web";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import { errorInfoOf, errorReasonOf } from "@dragoman/rpc";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createInProcessTransport, createServer, type Log, type Server } from "./index.ts";
import { testService } from "./testing/test-service.ts";

const { entry, seen } = testService();
const logged: string[] = [];
const log: Log = { error: (message) => logged.push(message), warn: (message) => logged.push(message) };
let server: Server;
let baseUrl: string;

beforeAll(async () => {
  server = createServer({ services: [entry], log, limits: { readMaxBytes: 100_000 } });
  baseUrl = (await server.listen()).url;
});
afterAll(() => server.close());

const transports: Record<string, () => Transport> = {
  "gRPC over HTTP/2": () => createGrpcTransport({ baseUrl }),
  "gRPC JSON over HTTP/2": () => createGrpcTransport({ baseUrl, useBinaryFormat: false }),
  "gRPC-Web over HTTP/2": () => createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
  "Connect over HTTP/2": () => createConnectTransport({ baseUrl, httpVersion: "2" }),
  "gRPC-Web over HTTP/1.1": () => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  "Connect over HTTP/1.1": () => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  "Connect JSON and GET over HTTP/1.1": () =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", useHttpGet: true, useBinaryFormat: false }),
  "gRPC-Web by fetch": () => web.createGrpcWebTransport({ baseUrl }),
  "Connect by fetch": () => web.createConnectTransport({ baseUrl, useHttpGet: true }),
  "in process": () => createInProcessTransport(server),
};

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) {
    all.push(item);
  }
  return all;
}

describe.each(Object.entries(transports))("%s", (_name, makeTransport) => {
  const client = () => createClient(AGUIService, makeTransport());
  const run = (runId: string, count = 3, options = {}) =>
    client().runAgent({ input: { threadId: "t", runId, context: [{ value: String(count) }] } }, options);
  const failure = async (call: AsyncIterable<unknown> | Promise<unknown>): Promise<ConnectError> => {
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
  };

  test("answers a unary call", async () => {
    const info = await client().getServiceInfo({ agentId: "a" });
    expect(info.name).toBe("hello a");
    expect(info.version).toMatch(/^(grpc|grpc-web|connect)$/);
  });

  test("streams ready batches, the log id on the first item", async () => {
    const items = await collect(run("ok", 5));
    expect(items.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n, 4n, 5n]);
    expect(items.map(({ logId }) => logId)).toEqual(["log-1", "", "", "", ""]);
    expect(items[4]?.item.value).toMatchObject({ event: { value: { delta: "delta 5" } } });
  });

  test("sends trailers", async () => {
    let trailer: Headers | undefined;
    for await (const _ of run("ok", 1, {
      onTrailer: (given: Headers) => {
        trailer = given;
      },
    }));
    expect(trailer?.get("x-run")).toBe("ok");
  });

  test("maps an error before the first message, with its reason", async () => {
    const error = await failure(run("refused"));
    expect(error.code).toBe(Code.NotFound);
    expect(errorInfoOf(error)).toMatchObject({ reason: "AGENT_NOT_FOUND", metadata: { agent_id: "x" } });
  });

  test("maps an error after messages", async () => {
    const got: unknown[] = [];
    const error = await failure(
      (async () => {
        for await (const item of run("broken", 3)) got.push(item);
      })(),
    );
    expect(got).toHaveLength(3);
    expect(error.code).toBe(Code.DataLoss);
  });

  test("hides what a bug says, and logs it under an id", async () => {
    for (const call of [() => run("bug"), () => client().healthCheck({})]) {
      const error = await failure(call());
      expect(error.code).toBe(Code.Internal);
      expect(error.message).not.toContain("secret");
      expect(errorReasonOf(error)).toBe("INTERNAL");
      expect(logged.at(-1)).toContain(errorInfoOf(error)?.metadata.id);
    }
  });

  test("refuses a request that breaks a rule of its schema", async () => {
    for (const call of [
      () => client().runAgent({}),
      () => client().getServiceInfo({ agentId: "x".repeat(300) }),
    ]) {
      const error = await failure(call());
      expect(error.code).toBe(Code.InvalidArgument);
      expect(errorReasonOf(error)).toBe("INVALID_REQUEST");
    }
  });

  test("refuses a message that is too large", async () => {
    const error = await failure(run("x".repeat(200_000)));
    expect(error.code).toBe(Code.ResourceExhausted);
  });

  test("ends at the deadline, whatever the handler does", async () => {
    for (const call of [
      () => run("deaf", 1, { timeoutMs: 50 }),
      () => client().validateInput({ input: {} }, { timeoutMs: 50 }),
    ]) {
      expect((await failure(call())).code).toBe(Code.DeadlineExceeded);
    }
  });

  test("tells the handler that the client is gone", async () => {
    const before = seen.ended.length;
    const controller = new AbortController();
    for await (const _ of run("open", 1, { signal: controller.signal })) {
      break;
    }
    controller.abort();
    await expect.poll(() => seen.ended.length).toBeGreaterThan(before);
  });

  test("sends headers before the first message", async () => {
    let headersAt = 0;
    let messageAt = 0;
    let now = 0;
    for await (const _ of run("late", 1, {
      onHeader: () => {
        headersAt = ++now;
      },
    })) {
      messageAt = ++now;
    }
    expect([headersAt, messageAt]).toEqual([1, 2]);
  });
});
