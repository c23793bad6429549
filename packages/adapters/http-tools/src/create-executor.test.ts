import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { createEgressFetch, createEgressPolicy } from "@dragoman/egress";
import { describe, expect, onTestFinished, test } from "vitest";
import { createHttpToolExecutor, type HttpToolExecutorOptions, type ToolCall } from "./index.ts";

interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Starts an endpoint that answers every call in the same way. */
async function serve(answer: (response: ServerResponse, request: IncomingMessage) => void) {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const { method, url, headers } = request;
    received.push({ method, url, headers, body: Buffer.concat(await request.toArray()).toString() });
    answer(response, request);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, received, [Symbol.asyncDispose]: stop };
}

function executorOf(options: Partial<HttpToolExecutorOptions> = {}, allowLoopback = true) {
  const egress = createEgressFetch(createEgressPolicy({ allowLoopback, optionName: "--allow" }));
  onTestFinished(() => egress.close());
  return createHttpToolExecutor({ request: egress.request, ...options });
}

const call: ToolCall = {
  namespace: "default",
  sessionId: "session-1",
  runId: "run-1",
  toolCallId: "call-1",
  toolName: "weather",
  arguments: { city: "Rome", days: 2 },
};

const never = new AbortController().signal;

function run(settings: object, more: Partial<ToolCall> = {}, options: Partial<HttpToolExecutorOptions> = {}) {
  return executorOf(options).execute({ ...call, ...more }, { kind: "http", ...settings }, never);
}

const json = (response: ServerResponse) =>
  void response.writeHead(200, { "content-type": "application/json" }).end('{"celsius":21}');

/** The outcome of a failure: the agent gets the same words. */
const failure = (message: unknown) => ({ content: message, error: message });

describe("a call", () => {
  test("is a POST of the arguments, and its answer's text is the content", async () => {
    await using endpoint = await serve(json);
    const headers = { Authorization: "Bearer token" };
    expect(await run({ url: `${endpoint.url}/weather?v=1`, headers })).toEqual({ content: '{"celsius":21}' });
    expect(endpoint.received).toEqual([
      {
        method: "POST",
        url: "/weather?v=1",
        body: '{"city":"Rome","days":2}',
        headers: expect.objectContaining({
          authorization: "Bearer token",
          accept: "application/json, text/*;q=0.9",
          "content-type": "application/json",
          "content-length": "24",
          "x-dragoman-session-id": "session-1",
          "x-dragoman-run-id": "run-1",
          "idempotency-key": "call-1",
        }),
      },
    ]);
  });

  test("without arguments has an empty object", async () => {
    await using endpoint = await serve(json);
    await run({ url: endpoint.url }, { arguments: undefined });
    await run({ url: endpoint.url, method: "PATCH", headers: { "Content-Type": "application/x+json" } });
    expect(endpoint.received).toMatchObject([
      { body: "{}" },
      { method: "PATCH", headers: { "content-type": "application/x+json" } },
    ]);
  });

  test.each(["GET", "DELETE"])("by %s has the arguments as query parameters", async (method) => {
    await using endpoint = await serve(json);
    const args = {
      city: "São Paulo & more",
      days: 2,
      isLong: true,
      units: null,
      at: { x: 1 },
      tags: ["a", "b"],
    };
    expect(await run({ url: `${endpoint.url}/w?v=1`, method }, { arguments: args })).toEqual({
      content: '{"celsius":21}',
    });
    const [{ url = "", ...rest } = {} as Received] = endpoint.received;
    expect(Object.fromEntries(new URL(url, endpoint.url).searchParams)).toEqual({
      v: "1",
      city: "São Paulo & more",
      days: "2",
      isLong: "true",
      units: "null",
      at: '{"x":1}',
      tags: '["a","b"]',
    });
    expect(rest).toMatchObject({ method, body: "", headers: { "idempotency-key": "call-1" } });
    expect(rest.headers["content-type"]).toBeUndefined();
  });

  test("by GET cannot replace what the URL sets, be no object, or get too long", async () => {
    await using endpoint = await serve(json);
    const settings = { url: `${endpoint.url}/?city=Paris`, method: "GET" };
    expect(await run(settings)).toEqual(failure(expect.stringContaining('"city" is already set')));
    expect(await run(settings, { arguments: ["a"] })).toEqual(
      failure(expect.stringContaining("must be an object")),
    );
    const long = await run(settings, { arguments: { q: "a".repeat(200) } }, { maxUrlLength: 200 });
    expect(long).toEqual(failure(expect.stringContaining("maxUrlLength is 200")));
    expect(endpoint.received).toEqual([]);
    expect(await run(settings, { arguments: undefined })).toEqual({ content: '{"celsius":21}' });
  });

  test("has ids that headers cannot carry percent-encoded, so that no two are the same", async () => {
    await using endpoint = await serve(json);
    const ids = { sessionId: "Gespräch 1", runId: "a%20b", toolCallId: "🙂\r\nx-evil: 1\ud800" };
    await run({ url: endpoint.url }, ids);
    expect(endpoint.received[0]?.headers).toMatchObject({
      "x-dragoman-session-id": "Gespr%C3%A4ch%201",
      "x-dragoman-run-id": "a%2520b",
      "idempotency-key": "%F0%9F%99%82%0D%0Ax-evil:%201%EF%BF%BD",
    });
    expect(endpoint.received[0]?.headers).not.toHaveProperty("x-evil");
  });

  test("with arguments that are no JSON is an error", async () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(await run({ url: "http://127.0.0.1:9/" }, { arguments: loop })).toEqual(
      failure("The arguments cannot be written as JSON."),
    );
  });
});

describe("an answer", () => {
  test.each([
    ["application/json; charset=utf-8", "{}"],
    ["application/problem+json", "{}"],
    ["text/plain", "grüezi"],
    ["Text/HTML", "<p>"],
    ["application/xml", "<a/>"],
    ["application/x-ndjson", "{}\n{}"],
    [undefined, "no type"],
  ])("of type %s is text", async (type, body) => {
    await using endpoint = await serve((response) => {
      if (type !== undefined) response.setHeader("content-type", type);
      response.end(body);
    });
    expect(await run({ url: endpoint.url })).toEqual({ content: body });
  });

  test("is read in its character set and encoding", async () => {
    await using endpoint = await serve((response) => {
      response.writeHead(201, {
        "content-type": 'text/plain; charset="ISO-8859-1"',
        "content-encoding": "gzip",
      });
      response.end(gzipSync(Buffer.from("grüezi", "latin1")));
    });
    expect(await run({ url: endpoint.url })).toEqual({ content: "grüezi" });
  });

  test("without a body is empty, whatever its type", async () => {
    await using endpoint = await serve(
      (response) => void response.writeHead(204, { "content-type": "image/png" }).end(),
    );
    expect(await run({ url: endpoint.url })).toEqual({ content: "" });
  });

  test.each([
    ["image/png", "The tool answered with image/png, which is neither JSON nor text."],
    ["application/octet-stream", expect.stringContaining("application/octet-stream")],
    ["text/plain; charset=klingon", expect.stringContaining("character set")],
    [undefined, "The tool answered with bytes that are no text."],
  ])("of type %s is an error", async (type, message) => {
    await using endpoint = await serve((response) => {
      if (type !== undefined) response.setHeader("content-type", type);
      response.end(Buffer.from([0x89, 0x50, 0xff]));
    });
    expect(await run({ url: endpoint.url })).toEqual(failure(message));
  });

  test.each([
    [400, "missing city"],
    [404, "<html>"],
    [500, "oops"],
    [503, "busy"],
    [304, ""],
  ])("with status %d is an error with what it said, and is not asked for again", async (status, body) => {
    await using endpoint = await serve((response) => {
      response.writeHead(status, { "content-type": "text/plain", "retry-after": "0" }).end(body);
    });
    expect(await run({ url: endpoint.url })).toEqual(
      failure(body === "" ? `HTTP ${status}` : `HTTP ${status}: ${body}`),
    );
    expect(endpoint.received).toHaveLength(1);
  });

  test("that fails at length is cut after 1,000 characters, not within one", async () => {
    await using endpoint = await serve((response) => {
      response
        .writeHead(503, { "content-type": "text/plain" })
        .end(`${"a".repeat(999)}🙂${"b".repeat(5000)}`);
    });
    expect(await run({ url: endpoint.url })).toEqual(failure(`HTTP 503: ${"a".repeat(999)}`));
    await using binary = await serve((response) => {
      response.writeHead(502, { "content-type": "image/png" }).end("\x89PNG");
    });
    expect(await run({ url: binary.url })).toEqual(failure("HTTP 502: (image/png)"));
  });

  test("that is too large is an error", async () => {
    await using endpoint = await serve((response) => response.end("a".repeat(1001)));
    expect(await run({ url: endpoint.url }, {}, { maxResponseBytes: 1000 })).toEqual({
      ...failure(expect.stringContaining("more than 1000 bytes")),
      reason: "LIMIT_REACHED",
    });
  });

  test("that does not come in time is an error, at the tool's own limit or the executor's", async () => {
    await using endpoint = await serve(() => {});
    expect(await run({ url: endpoint.url, timeoutMs: 50 })).toEqual(
      failure(expect.stringContaining("within 50 ms")),
    );
    expect(await run({ url: endpoint.url }, {}, { timeoutMs: 60 })).toEqual(
      failure(expect.stringContaining("within 60 ms")),
    );
    expect(await run({ url: endpoint.url, timeoutMs: 60_000 }, {}, { maxTimeoutMs: 70 })).toEqual(
      failure(expect.stringContaining("within 70 ms")),
    );
  });

  test("that never comes because nobody listens, or the connection breaks, is an error", async () => {
    const gone = await serve(() => {});
    await gone[Symbol.asyncDispose]();
    expect(await run({ url: gone.url })).toEqual(failure(expect.stringContaining("refused the connection")));
    await using endpoint = await serve((_, request) => request.socket.resetAndDestroy());
    expect(await run({ url: endpoint.url })).toEqual(
      failure(expect.stringContaining("broke the connection")),
    );
  });
});

describe("what the operator does not allow", () => {
  test("is an error that says so, also behind a redirect", async () => {
    await using endpoint = await serve(json);
    const executor = executorOf({}, false);
    expect(await executor.execute(call, { kind: "http", url: endpoint.url }, never)).toEqual(
      failure(expect.stringMatching(/is a loopback address.*in --allow\.$/)),
    );
    expect(endpoint.received).toEqual([]);
    await using leading = await serve(
      (response) => void response.writeHead(307, { location: "http://169.254.169.254/latest/" }).end(),
    );
    expect(await run({ url: leading.url })).toEqual(
      failure(expect.stringContaining("is a link-local address")),
    );
  });

  test("may still be as many redirects as the limit says", async () => {
    await using endpoint = await serve((response) => void response.writeHead(307, { location: "/" }).end());
    expect(await run({ url: endpoint.url }, {}, { maxRedirects: 2 })).toEqual(
      failure(expect.stringContaining("more than 2 times")),
    );
    expect(endpoint.received).toHaveLength(3);
  });
});

describe("secrets", () => {
  test("that an endpoint echoes are not in errors, in any form or cut in half", async () => {
    const headers = { authorization: "Bearer s3cr3t-token", "x-api-key": 'pass"word/1' };
    const query = "?key=url-secret-1&v=2";
    const echo = ["s3cr3t-token", 'pass"word/1', 'pass\\"word/1', "pass%22word%2F1", "url-secret-1"].join(
      " ",
    );
    await using endpoint = await serve((response) => {
      response.writeHead(500, { "content-type": "text/plain" }).end(`${echo} ${"a".repeat(895)}s3cr3t-token`);
    });
    const { content, error } = await run({ url: `${endpoint.url}/${query}`, headers });
    expect(endpoint.received[0]?.headers).toMatchObject(headers);
    for (const text of [content, error]) {
      expect(text).toMatch(/^HTTP 500: \[secret\] \[secret\] \[secret\] \[secret\] \[secret\] a+/);
      expect(text).not.toMatch(/s3cr|pass|word|url-/);
    }
  });

  test("are not in the errors of the connection or of settings", async () => {
    const gone = await serve(() => {});
    await gone[Symbol.asyncDispose]();
    const headers = { authorization: "s3cr3t" };
    const { content } = await run({ url: `${gone.url}/s3cr3t?key=s3cr3t`, headers });
    expect(content).not.toContain("s3cr3t");
    const broken = await run({ url: gone.url, headers: { authorization: "s3cr3t\r\n" } });
    expect(broken.error).toContain('The tool weather is registered wrongly: The header "authorization"');
    expect(broken.error).not.toContain("s3cr3t");
  });
});

describe("the signal", () => {
  test("ends a call, which rejects with its reason", async () => {
    const controller = new AbortController();
    const reason = new Error("cancelled");
    const closed = Promise.withResolvers<void>();
    await using endpoint = await serve((response) => {
      response.on("close", () => closed.resolve());
      controller.abort(reason);
    });
    const settings = { kind: "http", url: endpoint.url };
    await expect(executorOf().execute(call, settings, controller.signal)).rejects.toBe(reason);
    await closed.promise;
    await expect(executorOf().execute(call, settings, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(endpoint.received).toHaveLength(1);
  });
});

test.each([
  ["timeoutMs", 0],
  ["maxTimeoutMs", 2 ** 31],
  ["maxResponseBytes", 0.5],
  ["maxRedirects", 21],
  ["maxUrlLength", Number.NaN],
])("limits must be in range: %s %d", (name, value) => {
  expect(() => executorOf({ [name]: value })).toThrow(name);
});
