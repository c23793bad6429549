import * as http2 from "node:http2";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createServer, type Log, type Server } from "./index.ts";
import { http2Preface, parseAnswer, sendRaw } from "./testing/raw-http.ts";
import { testService } from "./testing/test-service.ts";

const path = "/agent.v1.AGUIService/GetServiceInfo";
const streamPath = "/agent.v1.AGUIService/RunAgent";
const logged: unknown[] = [];
const log: Log = { error: (...given) => logged.push(given), warn: (...given) => logged.push(given) };
let server: Server;
let url: string;
let port: number;

beforeAll(async () => {
  server = createServer({
    services: [testService().entry],
    log,
    limits: { headerTimeoutMs: 400, bodyStallTimeoutMs: 400, maxHeaderBytes: 8_192, readMaxBytes: 100_000 },
  });
  ({ url, port } = await server.listen());
});
afterAll(() => server.close());

afterEach(async () => {
  // Whatever a client sends, the server goes on and there is nothing for its operator to do.
  const client = createClient(AGUIService, createGrpcTransport({ baseUrl: url }));
  expect((await client.getServiceInfo({ agentId: "alive" })).name).toBe("hello alive");
  expect(logged).toEqual([]);
});

const post = (body: string, headers: string, version = "1.1") =>
  `POST ${path} HTTP/${version}\r\n${headers}\r\nconnection: close\r\ncontent-type: application/json\r\n\r\n${body}`;

describe("requests of HTTP/1.1 that are wrong get a JSON error", () => {
  test.each([
    ["HTTP/1.0 without Host", post("{}", "content-length: 2", "1.0"), 400],
    ["HTTP/1.1 without Host", post("{}", "content-length: 2"), 400],
    ["a Host with a space", post("{}", "host: a b\r\ncontent-length: 2"), 400],
    ["an empty Host", post("{}", "host: \r\ncontent-length: 2"), 400],
    ["a Host with a path", post("{}", "host: localhost/x\r\ncontent-length: 2"), 400],
    ["a negative content-length", post("{}", "host: localhost\r\ncontent-length: -2"), 400],
    ["two content-lengths", post("{}", "host: localhost\r\ncontent-length: 2\r\ncontent-length: 3"), 400],
    [
      "a content-length and chunks",
      post("0\r\n\r\n", "host: localhost\r\ncontent-length: 2\r\ntransfer-encoding: chunked"),
      400,
    ],
    ["chunks that are none", post("xyz\r\n", "host: localhost\r\ntransfer-encoding: chunked"), 400],
    ["no HTTP at all", "hello there, how are you?\r\n\r\n", 400],
    ["the first bytes of TLS", Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), 400],
    ["a header line without colon", `GET /healthz HTTP/1.1\r\nhost: localhost\r\nnonsense\r\n\r\n`, 400],
    ["a header with a zero byte", `GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: a\0b\r\n\r\n`, 400],
    [
      "headers that are too large",
      `GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ${"x".repeat(10_000)}\r\n\r\n`,
      431,
    ],
    ["many headers", `GET /healthz HTTP/1.1\r\nhost: localhost\r\n${"a: b\r\n".repeat(5_000)}\r\n`, 431],
    ["a path that is too long", `GET /${"x".repeat(10_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`, 431],
    ["an unknown method", "BREW /coffee HTTP/1.1\r\nhost: localhost\r\n\r\n", 400],
    [
      "an absolute URL of somebody else",
      "GET http://evil.example/healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
      403,
    ],
    ["an unknown path", "GET /nothing/here HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", 404],
    ["an asterisk", "OPTIONS * HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", 404],
    ["headers that do not end", "GET /healthz HTTP/1.1\r\nhost: localhost\r\n", 408],
    ["a body that does not come", post("", "host: localhost\r\ncontent-length: 2"), 504],
    ["a body that stops", post("{", "host: localhost\r\ncontent-length: 2"), 504],
    ["a body that is no JSON", post("{]", "host: localhost\r\ncontent-length: 2"), 400],
  ])("%s", async (_name, bytes, status) => {
    const { text } = await sendRaw(port, bytes);
    const answer = parseAnswer(text);
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({
      code: expect.any(String),
      message: expect.any(String),
      ...(answer.body as object),
    });
  });

  test("also on a connection that carried good ones", async () => {
    const good = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    const { text } = await sendRaw(port, [good, "nonsense\r\n\r\n"], { pauseMs: 50 });
    expect(text).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(text).toMatch(/HTTP\/1\.1 400 Bad Request/);
  });

  test("a good request byte by byte is a good request", async () => {
    const bytes = post("{}", "host: localhost\r\ncontent-length: 2");
    const { text } = await sendRaw(
      port,
      [...bytes].map((byte) => byte),
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  test("an absolute URL that is ours is answered", async () => {
    const { text } = await sendRaw(
      port,
      "GET http://localhost/healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  test("an offer to upgrade to h2c is answered as plain HTTP/1.1", async () => {
    const { text } = await sendRaw(
      port,
      "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n",
      { waitMs: 300 },
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 OK/);
  });
});

describe("connections that say nothing sensible are closed", () => {
  test("a silent one", async () => {
    expect(await sendRaw(port, "")).toEqual({ text: "", outcome: "end" });
  });

  test("one that stops within the preface of HTTP/2", async () => {
    expect((await sendRaw(port, http2Preface.subarray(0, 10))).outcome).toBe("end");
  });

  test("junk after the preface", async () => {
    const { outcome } = await sendRaw(port, [
      http2Preface,
      Buffer.from("junk junk junk junk junk junk junk", "latin1"),
    ]);
    expect(outcome).not.toBe("open");
  });

  test("a frame that is too large", async () => {
    const frame = Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]);
    expect((await sendRaw(port, [http2Preface, frame, Buffer.alloc(70_000)])).outcome).not.toBe("open");
  });
});

describe("HTTP/2", () => {
  async function session(use: (session: http2.ClientHttp2Session) => Promise<void>): Promise<void> {
    const client = http2.connect(url);
    client.on("error", () => {});
    try {
      await use(client);
    } finally {
      client.destroy();
    }
  }

  function request(
    client: http2.ClientHttp2Session,
    headers: http2.OutgoingHttpHeaders,
    body?: Uint8Array | string,
  ) {
    return new Promise<{
      status: number;
      headers: http2.IncomingHttpHeaders;
      trailers: http2.IncomingHttpHeaders;
      body: string;
    }>((resolve, reject) => {
      const stream = client.request(headers, { endStream: false });
      let head: http2.IncomingHttpHeaders = {};
      let trailers: http2.IncomingHttpHeaders = {};
      let text = "";
      stream.on("response", (given) => {
        head = given;
      });
      stream.on("trailers", (given) => {
        trailers = given;
      });
      stream.on("data", (chunk) => {
        text += chunk;
      });
      stream.on("error", reject);
      stream.on("close", () =>
        resolve({ status: Number(head[":status"]), headers: head, trailers, body: text }),
      );
      stream.end(body);
    });
  }

  const envelope = (flags: number, length: number, data = "") => {
    const head = Buffer.alloc(5);
    head.writeUInt8(flags);
    head.writeUInt32BE(length, 1);
    return Buffer.concat([head, Buffer.from(data)]);
  };
  const grpcCall = {
    ":method": "POST",
    ":path": streamPath,
    "content-type": "application/grpc",
    te: "trailers",
  };
  const json = "application/connect+json";

  test.each([
    ["no envelope", Buffer.alloc(0), "12", "unimplemented"],
    ["half an envelope head", Buffer.alloc(3), "3", "invalid_argument"],
    ["a truncated envelope", envelope(0, 10, "12345"), "3", "invalid_argument"],
    ["an envelope of 4 GB", envelope(0, 0xffffffff, "x"), "8", "resource_exhausted"],
    ["an envelope that is too large", envelope(0, 100_001), "8", "resource_exhausted"],
    ["two messages", Buffer.concat([envelope(0, 2, "{}"), envelope(0, 2, "{}")]), "12", "unimplemented"],
    ["unknown flags", envelope(0x10, 2, "{}"), "3", "invalid_argument"],
    ["compressed without a name", envelope(1, 2, "{}"), "13", "internal"],
    ["bytes that are no message", envelope(0, 4, "\u0001\u0002\u0003\u0004"), "3", "invalid_argument"],
  ])("a stream with %s ends with a status", async (_name, body, status, code) => {
    await session(async (client) => {
      expect((await request(client, grpcCall, body)).trailers["grpc-status"]).toBe(status);
      const connectAnswer = await request(client, { ...grpcCall, "content-type": json }, body);
      expect(JSON.parse(connectAnswer.body.slice(5)).error.code).toBe(code);
    });
  });

  test("unknown methods, types and compressions have a status", async () => {
    await session(async (client) => {
      const unknown = await request(client, { ...grpcCall, ":path": "/agent.v1.AGUIService/Nope" });
      expect([unknown.status, unknown.headers["grpc-status"]]).toEqual([200, "12"]);
      const type = await request(client, { ...grpcCall, "content-type": "application/grpc+thrift" });
      expect([type.status, type.headers["grpc-status"]]).toEqual([200, "3"]);
      const text = await request(client, { ...grpcCall, "content-type": "application/grpc-web-text" });
      expect(text.status).toBe(415);
      const encoding = await request(client, { ...grpcCall, "grpc-encoding": "lzma" }, envelope(0, 0));
      expect(encoding.trailers["grpc-status"]).toBe("12");
      const timeout = await request(client, { ...grpcCall, "grpc-timeout": "soon" }, envelope(0, 0));
      expect(timeout.trailers["grpc-status"]).toBe("3");
      const long = await request(
        client,
        { ...grpcCall, ":path": path, "grpc-timeout": "99999999H" },
        envelope(0, 0),
      );
      expect(long.trailers["grpc-status"]).toBe("0");
      const get = await request(client, { ":method": "GET", ":path": streamPath });
      expect([get.status, get.headers.allow]).toEqual([405, "POST"]);
    });
  });

  test("a request without a valid authority is refused", async () => {
    await session(async (client) => {
      const get = { ":method": "GET", ":path": "/healthz" };
      await expect(request(client, { ...get, ":authority": "a b" })).rejects.toThrow(
        "NGHTTP2_PROTOCOL_ERROR",
      );
    });
  });

  test("rapid resets close the connection", async () => {
    await session(async (client) => {
      const closed = new Promise((resolve) => client.once("close", resolve));
      for (let count = 0; count < 5_000 && !client.destroyed; count++) {
        const stream = client.request({ ...grpcCall });
        stream.on("error", () => {});
        stream.close(http2.constants.NGHTTP2_CANCEL);
        if (count % 100 === 0) {
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      await closed;
    });
  });

  test("headers that are too large are refused", async () => {
    await session(async (client) => {
      await new Promise((resolve) => client.once("remoteSettings", resolve));
      await expect(request(client, { ...grpcCall, x: "x".repeat(20_000) })).rejects.toThrow();
    });
  });

  test("a client that resets in the middle of everything hurts nobody", async () => {
    await session(async (client) => {
      for (let count = 0; count < 50; count++) {
        const stream = client.request(grpcCall);
        stream.on("error", () => {});
        stream.write(envelope(0, 1_000, "x".repeat(count)));
        setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), count % 7);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    });
  });
});
