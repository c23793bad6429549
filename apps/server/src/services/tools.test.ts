import { Code, ConnectError } from "@connectrpc/connect";
import { type JsonObject, toolToMessage } from "@dragoman/agui";
import { createAgentClient } from "@dragoman/client/node";
import { BadRequestSchema } from "@dragoman/contract/google/rpc/error_details_pb";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type HttpTool, startHttpTool } from "../testing/http-tool.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, refusedCall, type WireName, type Wires, wireNames } from "../testing/wires.ts";

let server: TestServer;
let wires: Wires;
let endpoint: HttpTool;
beforeAll(async () => {
  server = await startTestServer({ heartbeatMs: "200" });
  wires = openWires(server.url);
  endpoint = await startHttpTool();
});
afterAll(async () => {
  wires.close();
  await server.close();
  await endpoint[Symbol.asyncDispose]();
});

const over = (name: WireName): Services => servicesOver(wires.transport(name));
const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const http = (url = endpoint.url, more: object = {}) =>
  ({ kind: { case: "http", value: { url, ...more } } }) as const;
const byClient = (seconds?: bigint) =>
  ({ kind: { case: "client", value: seconds === undefined ? {} : { timeout: { seconds } } } }) as const;
const tool = (name: string, parameters: JsonObject = city) =>
  toolToMessage({ name, description: `does ${name}`, parameters });
const weather = (name = "weather") => ({ tool: tool(name), executor: http() });

let count = 0;
async function newSession({ sessions }: Services): Promise<string> {
  const sessionId = `tools-${++count}`;
  await sessions.createSession({ sessionId });
  return sessionId;
}

/** A client that runs agents and reads their events. */
function client() {
  const opened = createAgentClient({ baseUrl: server.url });
  onTestFinished(() => opened.close());
  return opened;
}

const words = (content: string) => [{ id: `u-${++count}`, role: "user" as const, content }];

describe.each(wireNames)("over %s", (name) => {
  test("tools are registered, listed, executed and taken away", async () => {
    const services = over(name);
    const sessionId = await newSession(services);
    const { tools } = await services.tools.registerTools({
      sessionId,
      tools: [{ tool: tool("weather"), executor: http(endpoint.url, { headers: { "x-key": "hidden" } }) }],
    });
    expect(tools[0]).toMatchObject({
      sessionId,
      tool: { name: "weather" },
      executor: { kind: { case: "http", value: { url: endpoint.url, headers: { "x-key": "" } } } },
    });
    expect((await services.tools.listTools({ sessionId })).tools).toEqual(tools);
    const call = { sessionId, toolName: "weather", arguments: { city: "Rome" }, toolCallId: "c" };
    const executed = await services.tools.executeTool(call);
    expect(executed).toMatchObject({ toolCallId: "c", content: '{"city":"Rome"}' });
    expect(endpoint.received.at(-1)?.headers).toMatchObject({ "x-key": "hidden", "idempotency-key": "c" });
    expect((await services.runs.getRun({ sessionId, runId: executed.runId })).run?.origin).toBe("tool");
    const calls = endpoint.received.length;
    expect(await services.tools.executeTool(call)).toMatchObject({
      content: executed.content,
      runId: executed.runId,
    });
    expect(endpoint.received).toHaveLength(calls);
    expect((await services.tools.unregisterTools({ sessionId, names: ["weather", "x"] })).names).toEqual([
      "weather",
    ]);
    expect((await services.tools.listTools({ sessionId })).tools).toEqual([]);
  });

  test("a client's result is taken, and the agent goes on with it", async () => {
    const services = over(name);
    const sessionId = await newSession(services);
    await services.tools.registerTools({
      sessionId,
      tools: [{ tool: tool("scan"), executor: byClient() }],
    });
    const input = { threadId: sessionId, runId: "r", messages: words('use tool scan with {"city": "Oslo"}') };
    const said: string[] = [];
    for await (const { event } of client().run(input, { agentId: "demo" })) {
      if (event.type === "TEXT_MESSAGE_CONTENT") said.push(event.delta);
      if (event.type !== "TOOL_CALL_END") continue;
      const { toolCallId } = event;
      const submitted = await services.tools.submitToolResult({ sessionId, toolCallId, content: "rain" });
      expect(submitted).toMatchObject({ runId: "r" });
      expect(submitted.sequence).toBeGreaterThan(1n);
      expect(await services.tools.submitToolResult({ sessionId, toolCallId, content: "rain" })).toEqual(
        submitted,
      );
    }
    expect(said.join("")).toBe("The tool scan answered: rain");
  });
});

describe("errors", () => {
  const services = () => over("Connect, HTTP/2");

  test("of registering", async () => {
    const { tools } = services();
    const register = (request: Parameters<typeof tools.registerTools>[0]) =>
      refusedCall(tools.registerTools(request));
    expect(await register({ tools: [{ tool: tool("no name"), executor: http() }] })).toMatchObject({
      code: Code.InvalidArgument,
      reason: "INVALID_TOOL",
      metadata: { tool_name: "no name" },
    });
    expect(await register({ tools: [{ tool: tool("a") }] })).toMatchObject({
      reason: "INVALID_TOOL",
    });
    const fn = { kind: { case: "function", value: {} } } as const;
    expect(await register({ tools: [{ tool: tool("a"), executor: fn }] })).toMatchObject({
      reason: "INVALID_TOOL",
    });
    expect(await register({ sessionId: "nowhere", tools: [weather()] })).toMatchObject({
      code: Code.NotFound,
      reason: "SESSION_NOT_FOUND",
    });
    const sessionId = await newSession(services());
    await tools.registerTools({ sessionId, tools: [weather()] });
    const other = { tool: tool("weather"), executor: byClient() };
    expect(await register({ sessionId, tools: [other] })).toMatchObject({
      code: Code.AlreadyExists,
      reason: "TOOL_EXISTS",
      metadata: { tool_name: "weather" },
    });
    await tools.registerTools({ sessionId, tools: [other], replace: true });
    const many = Array.from({ length: 200 }, (_, index) => weather(`t${index}`));
    await tools.registerTools({ sessionId, tools: many });
    const more = Array.from({ length: 60 }, (_, index) => weather(`u${index}`));
    expect(await register({ sessionId, tools: more })).toMatchObject({
      code: Code.ResourceExhausted,
      reason: "LIMIT_REACHED",
      metadata: { limit: "toolsPerSessionMax" },
    });
    await services().sessions.endSession({ sessionId });
    expect(await register({ sessionId, tools: [weather("late")] })).toMatchObject({
      reason: "SESSION_ENDED",
    });
  });

  test("list every problem in their details", async () => {
    const wrong = [
      { tool: tool("a b", { type: "list" }), executor: http() },
      { tool: tool("fine", { properties: 1 }), executor: http("ftp://x") },
    ];
    const error = ConnectError.from(
      await services()
        .tools.registerTools({ tools: wrong })
        .catch((e: unknown) => e),
    );
    const fields = error.findDetails(BadRequestSchema)[0]?.fieldViolations.map(({ field }) => field);
    expect(new Set(fields)).toEqual(
      new Set([
        "/tools/0/tool/name",
        "/tools/0/tool/parameters/type",
        "/tools/1/tool/parameters/properties",
        "/tools/1/executor",
      ]),
    );
  });

  test("of listing and executing", async () => {
    const { tools } = services();
    expect(await refusedCall(tools.listTools({ sessionId: "nowhere" }))).toMatchObject({
      reason: "SESSION_NOT_FOUND",
    });
    expect(await refusedCall(tools.listTools({ pageToken: "x" }))).toMatchObject({
      reason: "INVALID_PAGE_TOKEN",
    });
    expect(await refusedCall(tools.unregisterTools({ sessionId: "nowhere", names: ["a"] }))).toMatchObject({
      reason: "SESSION_NOT_FOUND",
    });
    await using broken = await startHttpTool((_, response) => void response.writeHead(500).end("oops"));
    await using silent = await startHttpTool(() => {});
    await using large = await startHttpTool((_, response) => void response.end("x".repeat(9_000_000)));
    const sessionId = await newSession(services());
    const registered = [
      { tool: tool("broken"), executor: http(broken.url) },
      { tool: tool("silent"), executor: http(silent.url) },
      { tool: tool("large"), executor: http(large.url) },
      { tool: tool("scan"), executor: byClient() },
    ];
    await tools.registerTools({ sessionId, tools: registered });
    const execute = (toolName: string, more: object = {}) =>
      refusedCall(
        tools.executeTool({
          sessionId,
          toolName,
          arguments: { city: "Rome" },
          toolCallId: `call-${toolName}`,
          timeout: { nanos: 200_000_000 },
          ...more,
        }),
      );
    expect(await execute("weather", { sessionId: "nowhere" })).toMatchObject({ reason: "SESSION_NOT_FOUND" });
    expect(await execute("none")).toMatchObject({ code: Code.NotFound, reason: "TOOL_NOT_FOUND" });
    expect(await execute("broken", { arguments: { city: 1 } })).toMatchObject({
      code: Code.InvalidArgument,
      reason: "INVALID_TOOL_ARGUMENTS",
      metadata: { tool_name: "broken", path: "/city" },
    });
    expect(await execute("broken", { timeout: undefined })).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "TOOL_FAILED",
      message: expect.stringContaining("HTTP 500: oops"),
    });
    expect(await execute("broken", { arguments: { city: "Oslo" } })).toMatchObject({
      code: Code.AlreadyExists,
      reason: "REQUEST_EXISTS",
    });
    expect(await execute("silent")).toMatchObject({
      code: Code.DeadlineExceeded,
      reason: "TOOL_TIMED_OUT",
      metadata: { tool_name: "silent", tool_call_id: "call-silent", timeout_ms: "200" },
    });
    expect(await execute("scan")).toMatchObject({ reason: "TOOL_TIMED_OUT" });
    expect(await execute("large", { timeout: undefined })).toMatchObject({
      code: Code.ResourceExhausted,
      reason: "LIMIT_REACHED",
    });
    await services().sessions.endSession({ sessionId });
    expect(await execute("broken", { toolCallId: "" })).toMatchObject({ reason: "SESSION_ENDED" });
  });

  test("of answering", async () => {
    const { tools, sessions } = services();
    const submit = (more: object) =>
      refusedCall(tools.submitToolResult({ sessionId: "nowhere", toolCallId: "c", ...more }));
    expect(await submit({})).toMatchObject({ reason: "SESSION_NOT_FOUND" });
    const sessionId = await newSession(services());
    expect(await submit({ sessionId })).toMatchObject({ code: Code.NotFound, reason: "TOOL_CALL_NOT_FOUND" });
    const paint = { name: "paint", description: "paints", parameters: { type: "object" } };
    const input = {
      threadId: sessionId,
      runId: "r",
      messages: words("use tool paint with {}"),
      tools: [paint],
    };
    let toolCallId = "";
    for await (const { event } of client().run(input, { agentId: "demo" }))
      if (event.type === "TOOL_CALL_START") toolCallId = event.toolCallId;
    expect(await submit({ sessionId, toolCallId, content: "x".repeat(1_100_000) })).toMatchObject({
      code: Code.ResourceExhausted,
      reason: "LIMIT_REACHED",
    });
    // Two clients at once: one result counts, and one run follows.
    const both = await Promise.allSettled(
      ["red", "blue"].map((content) => tools.submitToolResult({ sessionId, toolCallId, content })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const [taken] = both.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    expect(taken?.runId).not.toBe("");
    expect(await submit({ sessionId, toolCallId, content: "green" })).toMatchObject({
      code: Code.AlreadyExists,
      reason: "TOOL_CALL_ANSWERED",
    });
    await sessions.endSession({ sessionId });
  });
});
