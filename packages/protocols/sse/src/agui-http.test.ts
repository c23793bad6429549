import { HttpAgent } from "@ag-ui/client";
import { type AguiEvent, decodeEvent } from "@dragoman/agui";
import type { RunAgentRequest } from "@dragoman/contract/agent/v1/agui_service_pb";
import { IfActive, OnDisconnect } from "@dragoman/contract/agent/v1/run_options_pb";
import { AttachMode } from "@dragoman/contract/orchestrator/v1/cursor_pb";
import type { ObserveSessionRequest } from "@dragoman/contract/orchestrator/v1/session_service_pb";
import { createServer, type Log, type Server } from "@dragoman/server";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createAguiHttpProtocol } from "./index.ts";
import {
  agentNotFound,
  delta,
  eventItem,
  finished,
  smallRun,
  started,
  testServices,
} from "./testing/test-services.ts";

const services = testServices();
const logged: string[] = [];
const log: Log = { error: (message) => logged.push(message), warn: (message) => logged.push(message) };
const limits = { readMaxBytes: 100_000 };
let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer({
    services: services.entries,
    protocols: [createAguiHttpProtocol({ headerDelayMs: 200 })],
    limits,
    log,
  });
  ({ url } = await server.listen());
});
afterAll(() => server.close());
beforeEach(() => {
  services.steps = [{ batch: smallRun }];
  services.requests.length = 0;
  logged.length = 0;
});

const body = { threadId: "t", runId: "r", messages: [], protocolVersion: "1.0" };
const post = (path: string, value: unknown = body, headers: Record<string, string> = {}) =>
  fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof value === "string" ? value : JSON.stringify(value),
  });
const get = (path: string, headers: Record<string, string> = {}) => fetch(url + path, { headers });
const lastRun = () => services.requests.at(-1) as RunAgentRequest;
const lastObserve = () => services.requests.at(-1) as ObserveSessionRequest;

/** The blocks of an SSE stream. */
async function blocks(response: Response): Promise<string[]> {
  return (await response.text()).split("\n\n").filter((block) => block !== "");
}

function dataOf(block: string): unknown {
  return JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? "null");
}

function binaryEvents(bytes: Uint8Array): AguiEvent[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const events: AguiEvent[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const end = offset + 4 + view.getUint32(offset);
    events.push(decodeEvent(bytes, offset + 4, end));
    offset = end;
  }
  return events;
}

describe("runs", () => {
  test("are streamed as server-sent events with their places", async () => {
    const response = await post("/agents/writer");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    const got = await blocks(response);
    expect(got.map((block) => block.split("\n")[0])).toEqual([1, 2, 3, 4, 5].map((n) => `id: log-1:${n}`));
    expect(got.map(dataOf)).toEqual(smallRun);
    expect(got.join("")).not.toContain("\r");
    expect(lastRun().agentId).toBe("writer");
    expect(lastRun().input?.threadId).toBe("t");
    expect(services.protocolNames.at(-1)).toBe("sse");
  });

  test("go to the default agent at /", async () => {
    await (await post("/")).text();
    expect(lastRun().agentId).toBe("");
  });

  test("get ids if they have none", async () => {
    await (await post("/", { messages: [], protocolVersion: "1.0", runId: null })).text();
    expect(lastRun().input?.threadId).toMatch(/^[0-9a-f-]{36}$/);
    expect(lastRun().input?.runId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("are binary only where Accept names the type", async () => {
    const response = await post("/", body, { accept: "application/vnd.ag-ui.event+proto" });
    expect(response.headers.get("content-type")).toBe("application/vnd.ag-ui.event+proto");
    expect(binaryEvents(new Uint8Array(await response.arrayBuffer()))).toEqual(smallRun);
    expect(services.protocolNames.at(-1)).toBe("ag-ui-binary");
    for (const accept of ["*/*", "application/*", "application/vnd.ag-ui.event+proto;q=0", "text/html"]) {
      const other = await post("/", body, { accept });
      expect([accept, other.headers.get("content-type")]).toEqual([accept, "text/event-stream"]);
      await other.text();
    }
  });

  test("take their options from the query", async () => {
    await (
      await post("/?ifActive=queue&onDisconnect=cancel&onDisconnectGraceMs=1500&baseSequence=7", body, {
        "last-event-id": "log:9:12",
      })
    ).text();
    expect(lastRun()).toMatchObject({
      ifActive: IfActive.QUEUE,
      onDisconnect: OnDisconnect.CANCEL,
      onDisconnectGrace: { seconds: 1n, nanos: 500_000_000 },
      baseSequence: 7n,
      afterSequence: 12n,
      logId: "log:9",
    });
    const refused = await post("/?ifActive=maybe");
    expect(refused.status).toBe(400);
    expect((await refused.json()).message).toBe(
      'The query parameter ifActive is "maybe"; it must be one of reject, queue, cancel.',
    );
  });

  test("of stock clients work over both forms", async () => {
    for (const headers of [{}, { accept: "application/vnd.ag-ui.event+proto" }]) {
      const agent = new HttpAgent({ url: `${url}/agents/writer`, headers, threadId: "t" });
      const { newMessages } = await agent.runAgent({ runId: "r" });
      expect(newMessages).toMatchObject([{ id: "m", role: "assistant", content: "Hello" }]);
    }
  });
});

describe("what is wrong with a run", () => {
  test.each([
    ["not JSON", "{", 400, "INVALID_INPUT"],
    ["not UTF-8", "\ud800", 400, "INVALID_INPUT"],
    ["no object", "[]", 400, "INVALID_INPUT"],
    ["no messages", { threadId: "t", runId: "r" }, 400, "INVALID_INPUT"],
    ["a wrong type", { ...body, threadId: 5 }, 400, "INVALID_INPUT"],
    [
      "too deep",
      `{"threadId":"t","runId":"r","messages":[],"state":${"[".repeat(40_000)}${"]".repeat(40_000)}}`,
      400,
      "INVALID_INPUT",
    ],
    ["too large", { ...body, state: "x".repeat(200_000) }, 413, "LIMIT_REACHED"],
    ["an empty body", "", 400, "INVALID_INPUT"],
  ])("%s is refused with a reason", async (_name, value, status, reason) => {
    const response = await post("/", value);
    const error = await response.json();
    expect([response.status, error.details[0].debug.reason]).toEqual([status, reason]);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(services.requests).toEqual([]);
  });

  test.each(["threadId", "runId"])("half of a surrogate pair in a %s is refused", async (name) => {
    const json = JSON.stringify({ ...body, [name]: "?" }).replace("?", "\\ud800");
    const response = await post("/", json);
    const { reason, metadata } = (await response.json()).details[0].debug;
    expect([response.status, reason, metadata.path]).toEqual([400, "INVALID_INPUT", `/${name}`]);
    expect(services.requests).toEqual([]);
  });

  test("all problems are listed with their places", async () => {
    const error = await (await post("/", { threadId: 5, runId: "", messages: [{ role: "user" }] })).json();
    const fields = error.details[1].debug.fieldViolations.map(({ field }: { field: string }) => field);
    expect(fields).toEqual(expect.arrayContaining(["/threadId", "/runId", "/messages/0/id"]));
  });

  test("another content type is refused", async () => {
    for (const type of ["text/plain", "application/xml", "application/x-www-form-urlencoded"]) {
      const response = await post("/", body, { "content-type": type });
      expect([type, response.status, (await response.json()).code]).toEqual([type, 415, "invalid_argument"]);
    }
  });

  test("errors before the first event are HTTP statuses", async () => {
    services.steps = [{ error: agentNotFound() }];
    const response = await post("/");
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      code: "not_found",
      message: "There is no such agent.",
      details: [
        { type: "google.rpc.ErrorInfo", debug: { reason: "AGENT_NOT_FOUND", metadata: { agent_id: "x" } } },
      ],
    });
  });

  test("an error after work that lets nothing else run is a status too", async () => {
    const error = { error: agentNotFound() };
    for (const steps of [
      [{ blockMs: 300 }, { pauseMs: 1 }, error],
      [{ pauseMs: 1 }, { blockMs: 300 }, { pauseMs: 1 }, error],
    ]) {
      services.steps = steps;
      expect((await post("/")).status).toBe(404);
    }
  });

  test("a deadline before the first event is 504, a bad one 400", async () => {
    services.steps = [{ pauseMs: 10_000 }];
    expect((await post("/", body, { "connect-timeout-ms": "50" })).status).toBe(504);
    expect((await post("/", body, { "connect-timeout-ms": "soon" })).status).toBe(400);
  });
});

describe("streams that stop before their end are broken off", () => {
  const forms = [
    ["sse", {}],
    ["binary", { accept: "application/vnd.ag-ui.event+proto" }],
  ] as const;

  test.each(forms)("%s: an error after events", async (_form, headers) => {
    services.steps = [{ batch: [started, delta("a")] }, { error: new Error("bug") }];
    const response = await post("/", body, headers);
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toThrow();
    expect(logged).toHaveLength(1);
  });

  test.each(forms)("%s: what was sent before still arrives", async (_form, headers) => {
    services.steps = [{ batch: [started, delta("a")] }, { error: agentNotFound() }];
    const response = await post("/", body, headers);
    const reader = response.body!.getReader();
    const first = await reader.read();
    expect(Buffer.from(first.value!).toString("latin1")).toContain("m");
    await expect(reader.read()).rejects.toThrow();
  });

  test.each(forms)("%s: but not after the terminal event", async (_form, headers) => {
    services.steps = [{ batch: smallRun }, { error: agentNotFound() }];
    const response = await post("/", body, headers);
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(90);
  });

  test("a deadline in the middle", async () => {
    services.steps = [{ batch: [started] }, { untilAborted: true }];
    const response = await post("/", body, { "connect-timeout-ms": "300" });
    await expect(response.text()).rejects.toThrow();
  });

  test("over HTTP/1.0, where the end of the connection would be a clean end", async () => {
    const { connect } = await import("node:net");
    services.steps = [{ batch: [started] }, { error: agentNotFound() }];
    const text = JSON.stringify(body);
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.write(
      `POST / HTTP/1.0\r\nHost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
    );
    socket.resume();
    await expect(
      new Promise((resolve, reject) => socket.on("end", resolve).on("error", reject)),
    ).rejects.toThrow("ECONNRESET");
  });

  test("the handler learns that the client is gone", async () => {
    services.steps = [{ batch: [started] }, { untilAborted: true }];
    const before = services.aborted.length;
    const controller = new AbortController();
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: controller.signal,
    });
    await response.body!.getReader().read();
    controller.abort();
    await expect.poll(() => services.aborted.length).toBe(before + 1);
  });
});

describe("events that have only a JSON form", () => {
  const odd = '{"type":"NEW_KIND","x":[1]}';

  test("go out as their text on SSE", async () => {
    services.steps = [{ batch: [started, { jsonOnly: odd }] }];
    const got = await blocks(await post("/"));
    expect(got[1]).toBe(`id: log-1:2\ndata: ${odd}`);
  });

  test("break a binary stream off, or refuse it where nothing was sent", async () => {
    const headers = { accept: "application/vnd.ag-ui.event+proto" };
    services.steps = [{ batch: [started] }, { batch: [{ jsonOnly: odd }] }];
    await expect((await post("/", body, headers)).arrayBuffer()).rejects.toThrow();
    services.steps = [{ batch: [{ jsonOnly: odd }] }];
    const refused = await post("/", body, headers);
    expect([refused.status, (await refused.json()).details[0].debug.reason]).toEqual([
      400,
      "EVENT_ONLY_JSON",
    ]);
  });
});

describe("peers of AG-UI 0.x", () => {
  const { protocolVersion: _version, ...old } = body;
  const cancelled: AguiEvent = {
    type: "RUN_FINISHED",
    threadId: "t",
    runId: "r",
    outcome: { type: "cancelled" },
  };

  test("get what they can read, as server-sent events whatever they ask for", async () => {
    services.steps = [
      { batch: [started, delta("a"), cancelled] },
      eventItem({ ...cancelled, runId: "r2" }, 4),
    ];
    const response = await post("/", old, { accept: "application/vnd.ag-ui.event+proto" });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const got = await blocks(response);
    expect(got.slice(0, 2)).toEqual([
      `id: log-1:1\ndata: ${JSON.stringify(started)}`,
      `id: log-1:2\ndata: ${JSON.stringify(delta("a"))}`,
    ]);
    expect(got.slice(2).map(dataOf)).toMatchObject([
      { type: "RUN_ERROR", code: "cancelled" },
      { type: "RUN_ERROR", code: "cancelled" },
    ]);
    expect(got[2]).toMatch(/^id: log-1:3\n/);
  });

  test("get events without a binary form as they are", async () => {
    services.steps = [{ batch: [started, { jsonOnly: "null" }] }];
    expect((await blocks(await post("/", old)))[1]).toBe("id: log-1:2\ndata: null");
  });

  test("may write their inputs as 0.x did", async () => {
    const part = { type: "binary", mimeType: "image/png", url: "https://example.com/a.png" };
    await (await post("/", { ...old, messages: [{ id: "u", role: "user", content: [part] }] })).text();
    expect(lastRun().input?.messages).toHaveLength(1);
    const current = { ...body, messages: [{ id: "u", role: "user", content: [part] }] };
    expect((await post("/", current)).status).toBe(400);
  });

  test("are told apart on logs by the URL", async () => {
    services.steps = [{ batch: [cancelled] }];
    expect((await blocks(await get("/sessions/s/events"))).map(dataOf)).toEqual([cancelled]);
    const old = await blocks(await get("/sessions/s/events?protocolVersion=0.0"));
    expect(old.map(dataOf)).toMatchObject([{ type: "RUN_ERROR" }]);
  });
});

describe("logs", () => {
  test("are read from the beginning, or after a place", async () => {
    expect((await blocks(await get("/sessions/s%2F1/events"))).map(dataOf)).toEqual(smallRun);
    expect(lastObserve()).toMatchObject({ sessionId: "s/1", follow: false, mode: AttachMode.UNSPECIFIED });
    expect(lastObserve().afterSequence).toBeUndefined();
    await (await get("/sessions/s/events?after=3&follow=true")).text();
    expect(lastObserve()).toMatchObject({ afterSequence: 3n, logId: "", follow: true });
    await (await get("/sessions/s/events?after=3&mode=snapshot", { "last-event-id": "log-1:7" })).text();
    expect(lastObserve()).toMatchObject({ afterSequence: 7n, logId: "log-1", mode: AttachMode.TAIL });
    await (await get("/sessions/s/runs/r%20x/events?mode=beginning")).text();
    expect(lastObserve()).toMatchObject({ sessionId: "s", runId: "r x", mode: AttachMode.BEGINNING });
  });

  test("a place that is none is refused", async () => {
    for (const place of ["x", "log:", "-1", "1e3", "99999999999999999"]) {
      expect([place, (await get(`/sessions/s/events?after=${place}`)).status]).toEqual([place, 400]);
    }
    expect((await get("/sessions/%E0%A4%A/events")).status).toBe(400);
  });

  test("nothing to read is 204", async () => {
    services.steps = [];
    const response = await get("/sessions/s/events?after=5");
    expect([response.status, await response.text()]).toEqual([204, ""]);
  });

  test("a prelude has no places but that of its last event", async () => {
    const caughtUp = { item: { item: { case: "caughtUp" as const, value: { sequence: 40n } } } };
    services.steps = [eventItem(started), eventItem(delta("a")), caughtUp, eventItem(finished, 41)];
    expect(await blocks(await get("/sessions/s/events?mode=snapshot"))).toEqual([
      `data: ${JSON.stringify(started)}`,
      `id: log-1:40\ndata: ${JSON.stringify(delta("a"))}`,
      `id: log-1:41\ndata: ${JSON.stringify(finished)}`,
    ]);
  });

  test("heartbeats are comments, and keep the headers from waiting", async () => {
    const heartbeat = { item: { item: { case: "heartbeat" as const, value: { headSequence: 3n } } } };
    services.steps = [heartbeat, { pauseMs: 50 }, { batch: [started] }];
    expect(await blocks(await get("/sessions/s/events?follow=true"))).toEqual([
      ": keep-alive",
      `id: log-1:1\ndata: ${JSON.stringify(started)}`,
    ]);
  });

  test("headers are sent while nothing happens", async () => {
    services.steps = [{ untilAborted: true }];
    const controller = new AbortController();
    const response = await fetch(`${url}/sessions/s/events?follow`, { signal: controller.signal });
    expect(response.status).toBe(200);
    controller.abort();
  });

  test("HEAD and other methods are refused", async () => {
    const response = await fetch(`${url}/sessions/s/events`, { method: "HEAD" });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET"]);
    expect((await post("/sessions/s/events")).status).toBe(405);
    expect((await get("/agents/writer")).status).toBe(405);
  });
});
