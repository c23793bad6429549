import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type AguiEvent, decodeEvent, encodeEvent } from "@dragoman/agui";
import { RunAgentRequestSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import { ObserveRunRequestSchema } from "@dragoman/contract/orchestrator/v1/run_service_pb";
import { createFaultProxy, delay, freePort, waitUntil, withTimeout } from "@dragoman/testing";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { envelope } from "./envelope-reader.ts";
import { errorReasonOf } from "./error-reason.ts";
import type { EventStream } from "./event-stream.ts";
import type { EventTransport } from "./event-transport.ts";
import {
  createEventTransport,
  createAgentClient as createFetchAgentClient,
  createFetchClient,
} from "./index.ts";
import { createHttp1Client, createHttp2Client, Http2Sessions } from "./node.ts";
import { observeRun, runAgent } from "./run-agent.ts";
import { createStockEventTransport } from "./stock-event-transport.ts";
import type { StreamItem } from "./stream-item.ts";
import { contractError, type LogHost, startLogHost, variedRun } from "./testing/log-host.ts";

const request = create(RunAgentRequestSchema, { input: { threadId: "t", runId: "r" } });

interface Wire {
  readonly name: string;
  open(urls: { h1Url: string; h2Url: string }, options?: Partial<WireOptions>): EventTransport;
}
interface WireOptions {
  maxMessageBytes: number;
  maxBufferedItems: number;
  headers: NonNullable<Parameters<typeof createEventTransport>[0]["headers"]>;
}

// The stock handlers of the host log each connection that these tests break.
beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => {}));

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function http2(url: string) {
  const sessions = new Http2Sessions(url);
  closers.push(() => sessions.close());
  return createHttp2Client(sessions);
}
function http1(url: string) {
  const { client, close } = createHttp1Client(url, {});
  closers.push(close);
  return client;
}

const fastWires: Wire[] = [
  ...(["grpc", "grpc-web", "connect"] as const).map((protocol) => ({
    name: `${protocol} over HTTP/2`,
    open: ({ h2Url }: { h2Url: string }, options: Partial<WireOptions> = {}) =>
      createEventTransport({ baseUrl: h2Url, protocol, client: http2(h2Url), ...options }),
  })),
  ...(["grpc-web", "connect"] as const).flatMap((protocol) => [
    {
      name: `${protocol} over HTTP/1.1`,
      open: ({ h1Url }: { h1Url: string }, options: Partial<WireOptions> = {}) =>
        createEventTransport({ baseUrl: h1Url, protocol, client: http1(h1Url), ...options }),
    },
    {
      name: `${protocol} over fetch`,
      open: ({ h1Url }: { h1Url: string }, options: Partial<WireOptions> = {}) =>
        createEventTransport({ baseUrl: h1Url, protocol, client: createFetchClient(), ...options }),
    },
  ]),
];
const stockWire: Wire = {
  name: "a stock transport",
  open({ h2Url }) {
    const sessionManager = new Http2Sessions(h2Url);
    closers.push(() => sessionManager.close());
    return createStockEventTransport(createGrpcTransport({ baseUrl: h2Url, sessionManager }));
  },
};

async function readAll(
  stream: AsyncIterable<StreamItem>,
): Promise<{ items: StreamItem[]; error?: ConnectError }> {
  const items: StreamItem[] = [];
  try {
    for await (const item of stream) items.push(item);
    return { items };
  } catch (error) {
    expect(error).toBeInstanceOf(ConnectError);
    return { items, error: error as ConnectError };
  }
}
const eventsOf = (items: readonly StreamItem[]) =>
  items.map((item) => (item.kind === "event" ? item.event : item));

describe.each([...fastWires, stockWire])("$name", (wire) => {
  let host: LogHost;
  const log = variedRun("t", "r");
  beforeEach(async () => {
    host = await startLogHost([...log]);
  });
  afterEach(() => host[Symbol.asyncDispose]());

  it("delivers every event with its sequence, and the log on the stream", async () => {
    const stream = runAgent(wire.open(host), request);
    const { items, error } = await readAll(stream);
    expect(error).toBeUndefined();
    expect(eventsOf(items)).toEqual(log);
    expect(items.map((item) => item.kind === "event" && item.sequence)).toEqual(
      log.map((_, index) => index + 1),
    );
    expect(stream.logId).toBe("log-1");
    expect(stream.isDone).toBe(true);
  });

  it("delivers heartbeats, preludes and their end", async () => {
    host.log.length = 0;
    host.tail = async function* () {
      yield { event: log[0] as AguiEvent };
      yield { caughtUp: 300 };
      yield { heartbeat: 300 };
      yield { event: log[3] as AguiEvent, sequence: 2 ** 40 };
    };
    const { items } = await readAll(
      observeRun(wire.open(host), create(ObserveRunRequestSchema, { sessionId: "t" })),
    );
    expect(items).toEqual([
      { kind: "event", sequence: undefined, event: log[0], bytes: undefined },
      { kind: "caughtUp", sequence: 300 },
      { kind: "heartbeat", headSequence: 300 },
      { kind: "event", sequence: 2 ** 40, event: log[3], bytes: undefined },
    ]);
    expect(host.calls[0]?.method).toBe("observeRun");
  });

  it("throws the status of a refused call with its details", async () => {
    // biome-ignore lint/correctness/useYield: the call is refused before its first item.
    host.head = async function* () {
      throw contractError(Code.NotFound, "RUN_NOT_FOUND", "there is no such run");
    };
    const { items, error } = await readAll(runAgent(wire.open(host), request));
    expect(items).toEqual([]);
    expect(error?.code).toBe(Code.NotFound);
    expect(error?.rawMessage).toBe("there is no such run");
    expect(errorReasonOf(error)).toBe("RUN_NOT_FOUND");
    expect(error?.metadata.get("x-trace")).toBe("t-1");
  });

  it("delivers what came before a failure, then throws it", async () => {
    // biome-ignore lint/correctness/useYield: it fails.
    host.tail = async function* () {
      throw contractError(Code.ResourceExhausted, "SLOW_READER", "nothing was taken – for too long");
    };
    const { items, error } = await readAll(runAgent(wire.open(host), request));
    expect(eventsOf(items)).toEqual(log);
    expect(error?.code).toBe(Code.ResourceExhausted);
    expect(error?.rawMessage).toBe("nothing was taken – for too long");
    expect(errorReasonOf(error)).toBe("SLOW_READER");
  });

  it("reports a cut stream as UNAVAILABLE, wherever it is cut", async () => {
    host.tail = () => never();
    for (const bytes of [0, 1, 400, 3_000]) {
      await using h1 = await createFaultProxy({ port: host.h1Port });
      await using h2 = await createFaultProxy({ port: host.h2Port });
      for (const proxy of [h1, h2]) proxy.cutAfter(bytes);
      const { error } = await withTimeout(
        readAll(runAgent(wire.open({ h1Url: h1.url, h2Url: h2.url }), request)),
        `the end after ${bytes} bytes`,
      );
      expect(error?.code, `${bytes}: ${error?.message}`).toBe(Code.Unavailable);
    }
  });

  it("reports a server that is not there", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { error } = await readAll(runAgent(wire.open({ h1Url: url, h2Url: url }), request));
    expect(error?.code).toBe(Code.Unavailable);
    expect(error?.rawMessage).toContain("ECONNREFUSED");
  });

  it("tells the server when the reader leaves, and when it is aborted", async () => {
    host.tail = (call) => never(call.signal);
    const transport = wire.open(host);
    for await (const item of runAgent(transport, request)) if (item.kind === "event") break;
    const abort = new AbortController();
    const reading = readAll(runAgent(transport, request, { signal: abort.signal }));
    await waitUntil(() => host.calls.length === 2, "the second call");
    abort.abort(new Error("enough"));
    const { error } = await withTimeout(reading, "the abort");
    expect(error?.code).toBe(Code.Canceled);
    expect(error?.cause).toEqual(new Error("enough"));
    await waitUntil(() => host.calls.every((call) => call.signal.aborted), "the server to notice");
    const late = await readAll(runAgent(transport, request, { signal: abort.signal }));
    expect(late.error?.code).toBe(Code.Canceled);
  });

  it("ends at its deadline", async () => {
    host.tail = (call) => never(call.signal);
    const { error } = await withTimeout(
      readAll(runAgent(wire.open(host), request, { timeoutMs: 300 })),
      "the deadline",
    );
    expect(error?.code).toBe(Code.DeadlineExceeded);
    await waitUntil(() => host.calls.every((call) => call.signal.aborted), "the server to notice");
  });

  it("keeps the bytes of events for who asks", async () => {
    const { items } = await readAll(runAgent(wire.open(host), request, { keepBytes: true }));
    for (const item of items) {
      if (item.kind !== "event" || item.bytes === undefined) throw new Error("no bytes");
      expect(Buffer.from(item.bytes).equals(encodeEvent(item.event))).toBe(true);
      expect(decodeEvent(item.bytes)).toEqual(item.event);
    }
  });

  it("sends the headers of the transport and of the call, made anew for each call", async () => {
    let count = 0;
    const transport = wire.open(host, {
      headers: async () => {
        count += 1;
        return { authorization: `token ${count}`, "x-of": "transport" };
      },
    });
    const call = { headers: { "x-of": "call" } };
    await readAll(runAgent(transport, request, call));
    await readAll(runAgent(transport, request, { headers: () => [["x-of", "function"]] }));
    expect(host.calls.map(({ header }) => header.get("x-of"))).toEqual(["call", "function"]);
    if (wire === stockWire) return;
    expect(host.calls.map(({ header }) => header.get("authorization"))).toEqual(["token 1", "token 2"]);
  });

  it("fails the call when its headers cannot be made", async () => {
    const headers = () => Promise.reject(new Error("no token"));
    const { error } = await readAll(runAgent(wire.open(host), request, { headers }));
    expect(error?.rawMessage).toBe("no token");
    expect(host.calls).toEqual([]);
  });

  it("holds the server back while nothing is read, and loses nothing", async () => {
    const total = 4_000;
    let produced = 0;
    host.log.length = 0;
    host.tail = async function* () {
      for (; produced < total; produced += 1) {
        yield {
          event: { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: `${"x".repeat(8_000)}${produced}` },
          sequence: produced + 1,
        };
      }
    };
    const stream = runAgent(wire.open(host, { maxBufferedItems: 100 }), request);
    const first = await stream.next();
    expect(first.done).toBe(false);
    let before = -1;
    await waitUntil(
      async () => {
        const isStill = produced === before;
        before = produced;
        await delay(100);
        return isStill && produced > 0;
      },
      "the server to stand still",
      { timeoutMs: 20_000 },
    );
    expect(produced).toBeLessThan(total);
    const { items, error } = await readAll(stream);
    expect(error).toBeUndefined();
    expect(items.map((item) => item.kind === "event" && item.sequence)).toEqual(
      Array.from({ length: total - 1 }, (_, index) => index + 2),
    );
  });
});

describe.each(fastWires)("$name, beyond what a stock transport shows", (wire) => {
  let host: LogHost;
  beforeEach(async () => {
    host = await startLogHost(variedRun("t", "r"));
  });
  afterEach(() => host[Symbol.asyncDispose]());

  it("refuses a message over its limit", async () => {
    const { items, error } = await readAll(runAgent(wire.open(host, { maxMessageBytes: 1000 }), request));
    expect(items).toHaveLength(1);
    expect(error?.code).toBe(Code.ResourceExhausted);
    expect(error?.rawMessage).toContain("maxMessageBytes");
    await waitUntil(() => host.calls[0]?.signal.aborted, "the server to notice");
  });

  it("takes deadlines that no timer and no header can hold", async () => {
    for (const timeoutMs of [2 ** 40, 1e8, 4999.5]) {
      const { error } = await readAll(runAgent(wire.open(host), request, { timeoutMs }));
      expect(error).toBeUndefined();
    }
  });

  it("serves who asks again before the answer, in order", async () => {
    const stream = runAgent(wire.open(host), request);
    const results = await Promise.all(Array.from({ length: host.log.length + 2 }, () => stream.next()));
    expect(eventsOf(results.flatMap((result) => (result.done ? [] : [result.value])))).toEqual(host.log);
    expect(results.slice(-2).every((result) => result.done)).toBe(true);
  });
});

/** A server that answers what it is told to, whatever the wire says. */
async function startRawServer(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function callRaw(url: string, protocol: "grpc-web" | "connect", client = http1(url)): EventStream {
  return runAgent(createEventTransport({ baseUrl: url, protocol, client }), request);
}

describe("answers that are no streams of this contract", () => {
  const item = envelope(Uint8Array.of(0x08, 1, 0x22, 0));
  const send =
    (contentType: string, ...chunks: Uint8Array[]): RequestListener =>
    (_, response) => {
      response.writeHead(200, { "content-type": contentType });
      for (const chunk of chunks) response.write(chunk);
      response.end();
    };
  const connectType = "application/connect+proto";

  it("reads an HTTP error with the reason in its body", async () => {
    const url = await startRawServer((_, response) => {
      response.writeHead(403, { "content-type": "application/json" });
      response.end(JSON.stringify({ code: "permission_denied", message: "a foreign host may not call" }));
    });
    for (const protocol of ["grpc-web", "connect"] as const) {
      for (const client of [http1(url), createFetchClient()]) {
        const { error } = await readAll(callRaw(url, protocol, client));
        expect(error?.code).toBe(Code.PermissionDenied);
        expect(error?.rawMessage).toBe("a foreign host may not call");
      }
    }
  });

  it("reads an HTTP error that says nothing", async () => {
    const url = await startRawServer((_, response) => {
      response.writeHead(503, { "content-type": "text/html" });
      response.end("<h1>busy</h1>");
    });
    const { error } = await readAll(callRaw(url, "connect"));
    expect(error?.code).toBe(Code.Unavailable);
    expect(error?.rawMessage).toBe("HTTP 503");
  });

  it("refuses another content type", async () => {
    const url = await startRawServer(send("text/html", Buffer.from("<p>hello</p>")));
    const { error } = await readAll(callRaw(url, "connect"));
    expect(error?.rawMessage).toContain("unsupported content type text/html");
  });

  it("treats a clean end of HTTP without an end of the stream as a cut", async () => {
    for (const [protocol, type] of [
      ["connect", connectType],
      ["grpc-web", "application/grpc-web+proto"],
    ] as const) {
      const url = await startRawServer(send(type, item, item.subarray(0, 7)));
      const { items, error } = await readAll(callRaw(url, protocol));
      expect(items).toEqual([{ kind: "heartbeat", headSequence: 0 }]);
      expect(error?.code).toBe(Code.Unavailable);
      expect(error?.rawMessage).toContain("its last message is not whole");
      const whole = await readAll(callRaw(await startRawServer(send(type, item)), protocol));
      expect(whole.error?.rawMessage).toContain("it has no status");
    }
  });

  it.each([
    [1, "compressed"],
    [0x40, "unknown flags 0x40"],
    [0x80, "unknown flags 0x80"],
  ])("refuses an envelope with flags %d", async (flags, problem) => {
    const bad = item.slice();
    bad[0] = flags;
    const url = await startRawServer(send(connectType, item, bad));
    const { items, error } = await readAll(callRaw(url, "connect"));
    expect(items).toHaveLength(1);
    expect(error?.code).toBe(Code.Internal);
    expect(error?.rawMessage).toContain(problem);
  });

  it("refuses bytes that are no item, after the items before them", async () => {
    for (const bad of [
      [0x0a],
      [0x08, 1, 0x1a, 3, 0xff, 0xff, 0xff],
      [0x08, 1, 0x1a, 0],
      [0x08, 1, 0x1a, 9, 1],
    ]) {
      const url = await startRawServer(send(connectType, item, envelope(Uint8Array.from(bad))));
      const { items, error } = await readAll(callRaw(url, "connect"));
      expect(items).toHaveLength(1);
      expect(error?.code, `${bad}`).toBe(Code.Internal);
      expect(error?.rawMessage).toContain("cannot be read");
    }
  });

  it("skips kinds of items and events that it does not know", async () => {
    const unknownItem = [0x08, 5, 0x4a, 1, 7];
    const unknownEvent = [0x08, 6, 0x1a, 7, 0xfa, 0x3e, 4, 0x0a, 2, 0x08, 99];
    const end = envelope(Buffer.from("{}"));
    end[0] = 2;
    const url = await startRawServer(
      send(connectType, ...[unknownItem, unknownEvent].map((bytes) => envelope(Uint8Array.from(bytes))), end),
    );
    const { items, error } = await readAll(callRaw(url, "connect"));
    expect(error).toBeUndefined();
    expect(items).toEqual([
      { kind: "unknown", sequence: 5 },
      { kind: "unknown", sequence: 6 },
    ]);
  });

  it("reads an item whatever the order of its fields", async () => {
    const event = encodeEvent({ type: "TEXT_MESSAGE_END", messageId: "m" });
    const message = [0x1a, event.length, ...event, 0x12, 1, 0x4c, 0xa0, 0x06, 1, 0x08, 0x80, 0x80, 0x01];
    const url = await startRawServer(send(connectType, envelope(Uint8Array.from(message))));
    const stream = callRaw(url, "connect");
    const { items } = await readAll(stream);
    expect(items).toEqual([
      {
        kind: "event",
        sequence: 16_384,
        event: { type: "TEXT_MESSAGE_END", messageId: "m" },
        bytes: undefined,
      },
    ]);
    expect(stream.logId).toBe("L");
  });

  it("delivers all to a slow reader from a server that closes the connection behind its answer", async () => {
    const end = envelope(Buffer.from("{}"));
    end[0] = 2;
    const count = 2_000;
    let isSent = false;
    const url = await startRawServer((_, response) => {
      response.writeHead(200, { "content-type": connectType, connection: "close" });
      response.write(Buffer.concat(Array.from({ length: count }, () => item)));
      response.end(end, () => {
        isSent = true;
      });
    });
    const events = createEventTransport({
      baseUrl: url,
      protocol: "connect",
      client: http1(url),
      maxBufferedItems: 1,
    });
    const stream = runAgent(events, request);
    await stream.next();
    await waitUntil(() => isSent, "the answer");
    await delay(100);
    const { items, error } = await readAll(stream);
    expect(error).toBeUndefined();
    expect(items).toHaveLength(count - 1);
  });

  it("sends the request as it is in the contract", async () => {
    const seen: { url: string | undefined; body: Buffer; type: string | undefined }[] = [];
    const url = await startRawServer((incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk) => chunks.push(chunk));
      incoming.on("end", () => {
        seen.push({ url: incoming.url, body: Buffer.concat(chunks), type: incoming.headers["content-type"] });
        response.writeHead(503).end();
      });
    });
    await readAll(callRaw(`${url}/behind/a/path`, "grpc-web"));
    expect(seen).toEqual([
      {
        url: "/behind/a/path/agent.v1.AGUIService/RunAgent",
        body: Buffer.from(envelope(toBinary(RunAgentRequestSchema, request))),
        type: "application/grpc-web+proto",
      },
    ]);
  });

  it("passes credentials of a browser on", async () => {
    const seen: (RequestCredentials | undefined)[] = [];
    const client = createFetchAgentClient({
      baseUrl: "http://127.0.0.1:1",
      credentials: "include",
      fetch: async (_, init) => {
        seen.push(init?.credentials);
        throw new TypeError("offline");
      },
    });
    const { error } = await client
      .run({}, { maxStartAttempts: 0 })
      .next()
      .then(
        () => ({ error: undefined }),
        (error: unknown) => ({ error: error as ConnectError }),
      );
    expect(error?.code).toBe(Code.Unavailable);
    await client.agui.healthCheck({}).catch(() => {});
    expect(seen).toEqual(["include", "include"]);
  });
});

/** Yields nothing and ends when the signal aborts. */
async function* never(signal?: AbortSignal): AsyncGenerator<never> {
  await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
}
