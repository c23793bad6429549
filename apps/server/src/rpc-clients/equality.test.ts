import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type AguiEvent, decodeEvent, encodeEvent, inputToMessage } from "@dragoman/agui";
import { type Event, EventSchema } from "@dragoman/contract/agui/v1/event_pb";
import { ObserveSessionRequestSchema } from "@dragoman/contract/orchestrator/v1/session_service_pb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postRun, readLog } from "../testing/http.ts";
import { type RawProtocol, rawEvents, rawProtocols } from "../testing/raw-frames.ts";
import { readStream } from "../testing/read-stream.ts";
import { servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, type WireName, type Wires, wireNames } from "../testing/wires.ts";

let server: TestServer;
let wires: Wires;

beforeAll(async () => {
  server = await startTestServer();
  wires = openWires(server.url);
});
afterAll(async () => {
  wires.close();
  await server.close();
});

/** One of everything that is hard to carry. */
const script: AguiEvent[] = [
  { type: "STEP_STARTED", stepName: "", timestamp: 1_700_000_000_123 },
  { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant", metadata: { a: { b: [1, null, "x"] } } },
  { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "" },
  {
    type: "TEXT_MESSAGE_CONTENT",
    messageId: "m",
    delta: 'line\nline\r\n\u0000\u2028"\\ 🌍 data: x\n\nid: 9',
  },
  { type: "TEXT_MESSAGE_END", messageId: "m" },
  { type: "STATE_SNAPSHOT", snapshot: { "": 0, n: -0.1e-7, big: 9_007_199_254_740_991, deep: [[[{}]]] } },
  { type: "STATE_DELTA", delta: [{ op: "add", path: "/a~1b", value: null }] },
  { type: "CUSTOM", name: "none", value: null },
  { type: "RAW", event: { any: ["thing"] }, source: "test" },
  { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "look", parentMessageId: "m" },
  { type: "TOOL_CALL_ARGS", toolCallId: "c", delta: '{"q":1}' },
  { type: "TOOL_CALL_END", toolCallId: "c" },
  {
    type: "TOOL_CALL_RESULT",
    messageId: "t",
    toolCallId: "c",
    content: [
      { type: "text", text: "seen" },
      { type: "image", source: { type: "data", value: "AAAA", mimeType: "image/png" } },
    ],
  },
  { type: "STEP_FINISHED", stepName: "" },
  {
    type: "RUN_FINISHED",
    threadId: "any",
    runId: "any",
    result: { ok: true },
    usage: [{ model: "m", inputTokens: 3 }],
    outcome: { type: "success", pendingToolCallIds: ["c"] },
  },
];

const binaryType = "application/vnd.ag-ui.event+proto";
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const input = (threadId: string) => ({
  threadId,
  runId: "r",
  messages: [],
  forwardedProps: { script } as never,
});

/** Starts the run over a wire and waits for its end. */
async function write(name: WireName | "sse" | "binary", threadId: string): Promise<void> {
  if (name === "sse" || name === "binary") {
    const accept = name === "sse" ? "text/event-stream" : binaryType;
    const body = { ...input(threadId), protocolVersion: "1.0" };
    await (await postRun(`${server.url}/agents/script`, body, { accept })).arrayBuffer();
    return;
  }
  const { agui } = servicesOver(wires.transport(name));
  await readStream(agui.runAgent({ agentId: "script", input: inputToMessage(input(threadId)) }));
}

/** Every event of a session, as a client of a wire reads it. */
async function readOver(name: WireName, sessionId: string): Promise<Event[]> {
  const { sessions } = servicesOver(wires.transport(name));
  const { items } = await readStream(sessions.observeSession({ sessionId }));
  return items.flatMap(({ item }) => (item.case === "event" ? [item.value] : []));
}

/** The bytes of every event of a session, as they came over a wire. */
async function bytesOver(protocol: RawProtocol, sessionId: string): Promise<string[]> {
  const request = toBinary(ObserveSessionRequestSchema, create(ObserveSessionRequestSchema, { sessionId }));
  const method = "orchestrator.v1.SessionService/ObserveSession";
  return (await rawEvents(server.url, protocol, method, request)).map(hex);
}

async function bytesOverBinary(sessionId: string): Promise<string[]> {
  const url = `${server.url}/sessions/${encodeURIComponent(sessionId)}/events`;
  const body = await (await fetch(url, { headers: { accept: binaryType } })).arrayBuffer();
  const found: string[] = [];
  for (let start = 0; start < body.byteLength; ) {
    const end = start + 4 + new DataView(body).getUint32(start);
    found.push(hex(new Uint8Array(body.slice(start + 4, end))));
    start = end;
  }
  return found;
}

const bytesOf = (hexText: string) => new Uint8Array(Buffer.from(hexText, "hex"));

test.each(["sse", "binary", "gRPC", "Connect JSON, HTTP/1.1", "gRPC-Web in browsers"] as const)(
  "a session that was written over %s is read the same over every wire",
  async (writer) => {
    const sessionId = `written over ${writer}`;
    await write(writer, sessionId);
    const wanted = await bytesOverBinary(sessionId);
    expect(wanted).toHaveLength(script.length + 1);
    for (const protocol of rawProtocols)
      expect(await bytesOver(protocol, sessionId), protocol).toEqual(wanted);
    const messages = wanted.map((bytes) => fromBinary(EventSchema, bytesOf(bytes)));
    for (const name of wireNames) expect(await readOver(name, sessionId), name).toEqual(messages);
    const events = (await readLog(server.url, sessionId)).map(({ event }) => event);
    expect(events.map((event) => hex(encodeEvent(event)))).toEqual(wanted);
    expect(wanted.map((bytes) => decodeEvent(bytesOf(bytes)))).toEqual(events);
    const { threadId, runId } = { threadId: sessionId, runId: "r" };
    expect(events.slice(1)).toEqual([...script.slice(0, -1), { ...script.at(-1), threadId, runId }]);
  },
);

test("what differs between the writers is only the name of the session", async () => {
  const contents = await Promise.all(
    (["sse", "gRPC"] as const).map(async (writer) => {
      const sessionId = `again over ${writer}`;
      await write(writer, sessionId);
      const [started, ...rest] = (await readLog(server.url, sessionId)).map(({ event }) => event);
      return [started, ...rest].map((event) => JSON.stringify(event).replaceAll(sessionId, "session"));
    }),
  );
  expect(contents[0]).toEqual(contents[1]);
});
