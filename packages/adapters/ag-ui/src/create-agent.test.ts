import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { BaseEvent } from "@ag-ui/client";
import { EventEncoder } from "@ag-ui/encoder";
import type { AgentOutput, EncodedEvent } from "@dragoman/agent";
import type { AguiEvent, RunAgentInput } from "@dragoman/agui";
import { afterEach, describe, expect, test } from "vitest";
import { type AgUiOptions, createAgent, UpstreamError, UpstreamTruncatedError } from "./index.ts";

type Answer = (request: Received, response: ServerResponse) => void | Promise<void>;
interface Received {
  readonly method: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: RunAgentInput;
}

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
});

/** An upstream on a real socket; `received` fills with what it was asked. */
async function upstream(answer: Answer): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const { method, headers } = request;
    const item = { method, headers, body: JSON.parse(Buffer.concat(pieces).toString()) };
    received.push(item);
    await answer(item, response);
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/agent`, received };
}

/** Writes the pieces one by one, each in a turn of its own, and ends. */
const sse =
  (...pieces: (string | Uint8Array)[]): Answer =>
  async (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    await write(response, pieces);
    response.end();
  };

async function write(response: ServerResponse, pieces: (string | Uint8Array)[]): Promise<void> {
  for (const piece of pieces) {
    await new Promise((resolve) => response.write(piece, resolve));
    await new Promise(setImmediate);
  }
}

/** What a stock AG-UI server does: the encoder of the reference implementation chooses by Accept. */
const stock =
  (events: AguiEvent[]): Answer =>
  async ({ headers }, response) => {
    const encoder = new EventEncoder({ accept: headers.accept ?? "" });
    response.writeHead(200, { "content-type": encoder.getContentType() });
    await write(
      response,
      events.map((event) => encoder.encodeBinary(event as BaseEvent)),
    );
    response.end();
  };

const binaryType = "application/vnd.ag-ui.event+proto";
const input: RunAgentInput = {
  threadId: "thread",
  runId: "run",
  messages: [{ id: "1", role: "user", content: "hi" }],
};
const events: AguiEvent[] = [
  { type: "RUN_STARTED", threadId: "thread", runId: "run" },
  { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" },
  { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "Grüße, 🌍\nzweite Zeile" },
  { type: "TEXT_MESSAGE_END", messageId: "m" },
  { type: "STATE_SNAPSHOT", snapshot: { list: [1, null, { a: "b" }] } },
  { type: "RUN_FINISHED", threadId: "thread", runId: "run" },
];
const data = (event: unknown) => `data: ${JSON.stringify(event)}\n\n`;
const started = data(events[0]);
const finished = data(events.at(-1));

interface Outcome {
  readonly outputs: AgentOutput[];
  readonly error?: unknown;
}

async function run(
  options: AgUiOptions,
  signal = new AbortController().signal,
  given = input,
): Promise<Outcome> {
  const outputs: AgentOutput[] = [];
  try {
    for await (const output of createAgent(options).run(given, { signal, agentId: "a" }))
      outputs.push(output);
    return { outputs };
  } catch (error) {
    return { outputs, error };
  }
}

const codeOf = (error: unknown) => (error instanceof UpstreamError ? error.code : error);

describe("the request", () => {
  test("is a POST of the input, complete enough for upstreams before 1.0", async () => {
    const { url, received } = await upstream(stock(events));
    const messages: RunAgentInput["messages"] = [
      ...input.messages,
      { id: "2", role: "activity", activityType: "PLAN", content: {} },
    ];
    const resume = [{ interruptId: "i", status: "resolved" as const, payload: { ok: true } }];
    await run({ url, headers: { authorization: "Bearer x" } }, undefined, { ...input, messages, resume });
    expect(received).toMatchObject([
      {
        method: "POST",
        headers: {
          authorization: "Bearer x",
          accept: "text/event-stream",
          "content-type": "application/json",
        },
        body: {},
      },
    ]);
    expect(received[0]?.body).toEqual({
      ...input,
      protocolVersion: "1.0",
      state: {},
      tools: [],
      context: [],
      forwardedProps: {},
      resume,
    });
  });

  test("keeps what the input has, and leaves the version out for old upstreams", async () => {
    const { url, received } = await upstream(stock(events));
    const given = {
      ...input,
      protocolVersion: "1.0",
      state: { a: 1 },
      tools: [{ name: "t", description: "d" }],
      context: [{ description: "d", value: "v" }],
      forwardedProps: { x: 1 },
    };
    await run({ url, protocolVersion: "0.x" }, undefined, given);
    const { protocolVersion: _, ...rest } = given;
    expect(received[0]?.body).toEqual(rest);
  });

  test.each([
    [true, "application/vnd.ag-ui.event+proto"],
    ["auto", "application/vnd.ag-ui.event+proto, text/event-stream"],
    [false, "text/event-stream"],
  ] as const)("binary %s asks for %s", async (binary, accept) => {
    const { url, received } = await upstream(stock(events));
    await run({ url, binary });
    expect(received[0]?.headers.accept).toBe(accept);
  });
});

describe("SSE", () => {
  test("of the reference encoder arrives as it was sent", async () => {
    const { url } = await upstream(stock(events));
    expect(await run({ url })).toEqual({ outputs: events });
  });

  test("may have CRLF, a byte order mark, comments, ids, names, retries and data over several lines", async () => {
    const { url } = await upstream(
      sse(
        "\uFEFFdata: {\r\n",
        'data: "type":"RUN_STARTED",\r\ndata:"threadId":"thread",\r\ndata\r\ndata: "runId":"run"}\r\n\r\n',
        ": keep-alive\r\n\r\nid: 7\nevent: message\nretry: 10\ndatabase: {}\n\n",
        finished,
      ),
    );
    expect(await run({ url })).toEqual({ outputs: [events[0], events.at(-1)] });
  });

  test("may be cut anywhere, also within a character", async () => {
    const body = Buffer.from(events.map(data).join(""));
    const { url } = await upstream(sse(...Array.from(body, (byte) => Uint8Array.of(byte))));
    expect(await run({ url })).toEqual({ outputs: events });
  });

  test("may lack the blank line behind its last event", async () => {
    const { url } = await upstream(sse(started, finished.trimEnd()));
    expect(await run({ url })).toEqual({ outputs: [events[0], events.at(-1)] });
  });

  test("events of unknown types and shapes are the host's to judge", async () => {
    const odd = [{ type: "FROM_THE_FUTURE", x: null }, { type: "THINKING_START" }, 5, null, "text", [1]];
    const { url } = await upstream(sse(started, ...odd.map(data), finished));
    expect((await run({ url })).outputs).toEqual([events[0], ...odd, events.at(-1)]);
  });

  test("several runs in a stream end with the last one", async () => {
    const error = { type: "RUN_ERROR", message: "late" };
    const two = await upstream(sse(started, finished, data(error), started, finished));
    expect((await run({ url: two.url })).outputs).toHaveLength(5);
    const cut = await upstream(sse(started, finished, started));
    expect(codeOf((await run({ url: cut.url })).error)).toBe("UPSTREAM_TRUNCATED");
  });

  test("malformed JSON ends the run after the events before it", async () => {
    const { url } = await upstream(sse(`${started}data: {"type": oops\n\n${finished}`));
    const { outputs, error } = await run({ url });
    expect(outputs).toEqual([events[0]]);
    expect(codeOf(error)).toBe("UPSTREAM_MALFORMED");
    expect(String(error)).toContain('not JSON: {"type": oops');
  });
});

describe("binary", () => {
  const frame = (event: AguiEvent) =>
    new EventEncoder({ accept: binaryType }).encodeBinary(event as BaseEvent);
  const frames = Buffer.concat(events.map(frame));
  const binary =
    (...pieces: Uint8Array[]): Answer =>
    async (_, response) => {
      response.writeHead(200, { "content-type": binaryType });
      await write(response, pieces);
      response.end();
    };

  test.each([true, "auto"] as const)(
    "of the reference encoder arrives with its bytes, asked by %s",
    async (ask) => {
      const { url } = await upstream(stock(events));
      const { outputs, error } = await run({ url, binary: ask });
      expect(error).toBeUndefined();
      const encoded = outputs as EncodedEvent[];
      expect(encoded.map(({ event }) => event)).toEqual(events);
      expect(encoded.map(({ bytes }) => Buffer.from(bytes))).toEqual(
        events.map((event) => Buffer.from(frame(event).subarray(4))),
      );
    },
  );

  test.each([
    ["into bytes", 1],
    ["within prefixes and events", 7],
    ["nowhere", frames.length],
  ])("may be cut %s", async (_, size) => {
    const count = Math.ceil(frames.length / size);
    const pieces = Array.from({ length: count }, (_, index) =>
      frames.subarray(index * size, (index + 1) * size),
    );
    const { url } = await upstream(binary(...pieces));
    const { outputs, error } = await run({ url, binary: true });
    expect(error).toBeUndefined();
    expect((outputs as EncodedEvent[]).map(({ event }) => event)).toEqual(events);
  });

  test("events of later versions are skipped, their fields kept in the bytes", async () => {
    // Field 90 of Event, an empty message: a type that does not exist yet.
    const unknownType = Buffer.from([0, 0, 0, 3, 0xd2, 0x05, 0x00]);
    const content = frame(events[2]!);
    // The same event with field 999, a varint, behind it.
    const longer = Buffer.concat([content, Buffer.from([0xb8, 0x3e, 0x01])]);
    longer.writeUInt32BE(content.length - 4 + 3);
    const { url } = await upstream(
      binary(frame(events[0]!), frame(events[1]!), unknownType, longer, ...events.slice(3).map(frame)),
    );
    const { outputs, error } = await run({ url, binary: true });
    expect(error).toBeUndefined();
    const encoded = outputs as EncodedEvent[];
    expect(encoded.map(({ event }) => event)).toEqual(events);
    expect(Buffer.from(encoded[2]!.bytes)).toEqual(longer.subarray(4));
  });

  test.each([
    ["before a terminal", [frames.subarray(0, -frame(events.at(-1)!).length)], 5],
    ["within an event", [frames.subarray(0, -1)], 5],
    ["within a prefix", [frame(events[0]!), Buffer.from([0, 0])], 1],
    ["before anything", [], 0],
  ])("that stops %s is truncated", async (_, pieces, count) => {
    const { url } = await upstream(binary(...pieces));
    const { outputs, error } = await run({ url, binary: true });
    expect(error).toBeInstanceOf(UpstreamTruncatedError);
    expect(outputs).toHaveLength(count);
  });

  test("bytes that hold no event end the run after the events before them", async () => {
    const { url } = await upstream(binary(frame(events[0]!), Buffer.from([0, 0, 0, 2, 0xff, 0xff])));
    const { outputs, error } = await run({ url, binary: true });
    expect(outputs).toHaveLength(1);
    expect(codeOf(error)).toBe("UPSTREAM_MALFORMED");
  });

  test("an event larger than maxEventBytes is refused by its prefix", async () => {
    const { url } = await upstream(binary(frame(events[0]!), Buffer.from([0, 0, 0x10, 0])));
    const { outputs, error } = await run({ url, binary: true, maxEventBytes: 0xfff });
    expect(outputs).toHaveLength(1);
    expect(codeOf(error)).toBe("UPSTREAM_TOO_LARGE");
  });

  test("text read as binary, as a proxy may serve it, is too large and no memory is taken for it", async () => {
    const { url } = await upstream(binary(Buffer.from(started)));
    expect(codeOf((await run({ url, binary: true })).error)).toBe("UPSTREAM_TOO_LARGE");
  });
});

describe("an incomplete stream is never a success", () => {
  test.each([
    ["nothing at all", []],
    ["no terminal event", [started]],
    ["a comment after the start", [started, ": bye\n\n"]],
    ["half an event", [started, finished.slice(0, 30)]],
    ["half an event with its line end", [started, `${finished.slice(0, 30)}\n`]],
  ])("%s", async (_, pieces) => {
    const { url } = await upstream(sse(...pieces));
    const { outputs, error } = await run({ url });
    expect(error).toBeInstanceOf(UpstreamTruncatedError);
    expect(outputs).toHaveLength(pieces.length > 0 ? 1 : 0);
  });

  test("a connection that breaks", async () => {
    const { url } = await upstream(async (_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      await write(response, [started]);
      response.destroy();
    });
    const { outputs, error } = await run({ url });
    expect(error).toBeInstanceOf(UpstreamTruncatedError);
    expect(outputs).toEqual([events[0]]);
  });

  test("but what breaks after the terminal event is none of it", async () => {
    const { url } = await upstream(async (_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      await write(response, [started, finished, "data: {"]);
      response.destroy();
    });
    expect(await run({ url })).toEqual({ outputs: [events[0], events.at(-1)] });
  });
});

describe("limits", () => {
  const large = data({ type: "CUSTOM", name: "large", value: "x".repeat(2000) });

  test.each([
    ["in one line", [large]],
    ["in one line without an end", [large.trimEnd()]],
    ["in many lines", Array.from({ length: 40 }, () => `data: ${"x".repeat(60)}\n`)],
    ["in a comment without an end", [`:${"x".repeat(2100)}`]],
  ])("an event larger than maxEventBytes %s ends the run", async (_, pieces) => {
    const { url } = await upstream(sse(started, ...pieces));
    const { outputs, error } = await run({ url, maxEventBytes: 2000 });
    expect(codeOf(error)).toBe("UPSTREAM_TOO_LARGE");
    expect(outputs).toEqual([events[0]]);
  });

  test("an event of exactly maxEventBytes passes, however it is cut", async () => {
    const cut = large.replace("\n\n", "\r\n\r\n");
    for (const pieces of [[large], [cut.slice(0, -3), cut.slice(-3)]]) {
      const { url } = await upstream(sse(started, ...pieces, finished));
      const maxEventBytes = large.length - "data: \n\n".length;
      expect((await run({ url, maxEventBytes })).outputs).toHaveLength(3);
      expect(codeOf((await run({ url, maxEventBytes: maxEventBytes - 1 })).error)).toBe("UPSTREAM_TOO_LARGE");
    }
  });

  test("silence before the answer ends the run", async () => {
    const { url } = await upstream(() => {});
    const { error } = await run({ url, timeoutMs: 50 });
    expect(codeOf(error)).toBe("UPSTREAM_TIMEOUT");
  });

  test("silence within the answer ends the run, keep-alives do not count as silence", async () => {
    const { url } = await upstream(async (_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      await write(response, [started, ": keep-alive\n\n"]);
    });
    const { outputs, error } = await run({ url, timeoutMs: 50 });
    expect(codeOf(error)).toBe("UPSTREAM_TIMEOUT");
    expect(outputs).toEqual([events[0]]);
  });

  test("a slow reader does not make the upstream silent", async () => {
    const { url } = await upstream(stock(events));
    const outputs: AgentOutput[] = [];
    const agent = createAgent({ url, timeoutMs: 30 });
    for await (const output of agent.run(input, { signal: new AbortController().signal, agentId: "a" })) {
      outputs.push(output);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    expect(outputs).toEqual(events);
  });

  test.each([
    { url: "ftp://x" },
    { url: "nonsense" },
    { url: "http://user:secret@x" },
    { url: "http://x", timeoutMs: 0 },
    { url: "http://x", timeoutMs: 300_001 },
    { url: "http://x", maxEventBytes: 0.5 },
  ])("options out of range are refused: %j", (options) => {
    expect(() => createAgent(options)).toThrow(TypeError);
  });
});

describe("refusals", () => {
  test("carry the status and the beginning of the body, without the secrets that were sent", async () => {
    const { url } = await upstream((_, response) => {
      response.writeHead(401, { "content-type": "text/plain" });
      response.end(`Wrong token:\n  Bearer hidden. ${"x".repeat(100_000)}`);
    });
    const { error } = await run({ url, headers: { Authorization: "Bearer hidden", "x-trace": "wrong" } });
    expect(error).toMatchObject({ code: "UPSTREAM_STATUS", status: 401 });
    expect(String(error)).toContain("HTTP 401: Wrong token: [secret]. xxx");
    expect(String(error).length).toBeLessThan(500);
  });

  test("need not have a body, nor end it", async () => {
    const empty = await upstream((_, response) => void response.writeHead(500).end());
    expect(String((await run({ url: empty.url })).error)).toMatch(/HTTP 500$/);
    const broken = await upstream(async (_, response) => {
      response.writeHead(503);
      await write(response, ["overloaded"]);
      response.destroy();
    });
    expect((await run({ url: broken.url })).error).toMatchObject({ status: 503 });
  });

  test("what is no event stream is refused by its type", async () => {
    const { url } = await upstream((_, response) => {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
      response.end("<html>");
    });
    const { error } = await run({ url });
    expect(codeOf(error)).toBe("UPSTREAM_MALFORMED");
    expect(String(error)).toContain("answered with text/html instead of text/event-stream");
  });

  test("an upstream that is not there is named with its address only", async () => {
    const { url } = await upstream(() => {});
    const gone = new URL(url);
    gone.search = "key=hidden";
    const server = servers.pop();
    server?.close();
    const { error } = await run({ url: gone.href });
    expect(codeOf(error)).toBe("UPSTREAM_UNREACHABLE");
    expect(String(error)).toContain(`at ${url} cannot be reached`);
    expect(String(error)).not.toContain("hidden");
  });
});

describe("cancel", () => {
  test("before the answer and within it ends the request quietly", async () => {
    for (const pieces of [undefined, [started]]) {
      const cancel = new AbortController();
      let closed: Promise<unknown> | undefined;
      const { url } = await upstream(async (_, response) => {
        closed = once(response, "close");
        if (pieces === undefined) return cancel.abort();
        response.writeHead(200, { "content-type": "text/event-stream" });
        await write(response, pieces);
        cancel.abort();
      });
      const { error } = await run({ url }, cancel.signal);
      expect(error).toBeUndefined();
      await closed;
    }
  });

  test("of a run that has not begun asks nothing", async () => {
    const { url, received } = await upstream(stock(events));
    expect(await run({ url }, AbortSignal.abort())).toEqual({ outputs: [] });
    expect(received).toEqual([]);
  });

  test("a host that stops reading ends the request", async () => {
    let closed: Promise<unknown> | undefined;
    const { url } = await upstream(async (_, response) => {
      closed = once(response, "close");
      response.writeHead(200, { "content-type": "text/event-stream" });
      await write(response, [started]);
    });
    const agent = createAgent({ url });
    for await (const _ of agent.run(input, { signal: new AbortController().signal, agentId: "a" })) break;
    await closed;
  });
});
