import { lookup } from "node:dns/promises";
import { hostname } from "node:os";
import { Code } from "@connectrpc/connect";
import { type JsonObject, toolToMessage } from "@dragoman/agui";
import { createAgentClient } from "@dragoman/client/node";
import { createTempFolder, freePort, waitUntil } from "@dragoman/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { startHttpTool } from "../testing/http-tool.ts";
import { launchServer } from "../testing/launch.ts";
import { startTestServer } from "../testing/test-server.ts";
import { refusedCall } from "../testing/wires.ts";

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tool = (name: string) => toolToMessage({ name, description: `does ${name}`, parameters });
const http = (url: string) => ({ kind: { case: "http", value: { url } } }) as const;

function clientOf(baseUrl: string) {
  const client = createAgentClient({ baseUrl });
  onTestFinished(() => client.close());
  return client;
}

const ask = (threadId: string, runId: string, content: string) => {
  return { threadId, runId, messages: [{ id: `${runId}-u`, role: "user" as const, content }] };
};

describe("agents with registered tools", () => {
  test("a model calls one, is told its result and answers, in one run", async () => {
    const chunk = (delta: JsonObject, finish: string | null = null) =>
      `data: ${JSON.stringify({ id: "x", object: "chat.completion.chunk", model: "fake", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    const called = { name: "weather", arguments: '{"city":"Rome"}' };
    const turns = [
      [
        chunk({ tool_calls: [{ index: 0, id: "call_1", type: "function", function: called }] }),
        chunk({}, "tool_calls"),
      ],
      [chunk({ content: "It is sunny." }), chunk({}, "stop")],
    ];
    await using model = await startHttpTool((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(`${turns.shift()?.join("") ?? ""}data: [DONE]\n\n`);
    });
    await using endpoint = await startHttpTool((_, response) => void response.end("sunny"));
    const environment = { OPENAI_BASE_URL: `${model.url}/v1`, OPENAI_API_KEY: "k" };
    await using server = await startTestServer({}, environment);
    const client = clientOf(server.url);
    await client.tools.registerTools({ tools: [{ tool: tool("weather"), executor: http(endpoint.url) }] });
    const types: string[] = [];
    let said = "";
    for await (const { event } of client.run(ask("t", "r", "How is Rome?"), { agentId: "llm" })) {
      types.push(event.type);
      if (event.type === "TEXT_MESSAGE_CONTENT") said += event.delta;
    }
    expect(said).toBe("It is sunny.");
    expect(types.filter((type) => /^RUN|RESULT/.test(type))).toEqual([
      "RUN_STARTED",
      "TOOL_CALL_RESULT",
      "RUN_FINISHED",
    ]);
    const [first, second] = model.received.map(({ body }) => JSON.parse(body));
    expect(first.tools[0].function).toMatchObject({ name: "weather", parameters });
    expect(second.messages.at(-1)).toEqual({ role: "tool", tool_call_id: "call_1", content: "sunny" });
    expect(endpoint.received.map(({ body }) => body)).toEqual(['{"city":"Rome"}']);
  });

  test("the demo agent uses one, and says what it answered", async () => {
    await using endpoint = await startHttpTool();
    await using server = await startTestServer();
    const client = clientOf(server.url);
    await client.tools.registerTools({ tools: [{ tool: tool("weather"), executor: http(endpoint.url) }] });
    let said = "";
    const words = 'use tool weather with {"city": "Rome"}';
    for await (const { event } of client.run(ask("t", "r", words), { agentId: "demo" }))
      if (event.type === "TEXT_MESSAGE_CONTENT") said += event.delta;
    expect(said).toBe('The tool weather answered: {"city":"Rome"}');
    expect(endpoint.received[0]?.headers).toMatchObject({
      "x-dragoman-session-id": "t",
      "x-dragoman-run-id": "r",
    });
  });
});

test("an agent of another server, which keeps its runs, is called again like any other", async () => {
  await using endpoint = await startHttpTool();
  await using far = await startTestServer();
  const flags = { agent: [`far=grpc:${new URL(far.url).host}`, `sse=ag-ui:${far.url}/agents/demo`] };
  await using server = await startTestServer(flags);
  const client = clientOf(server.url);
  await client.tools.registerTools({ tools: [{ tool: tool("weather"), executor: http(endpoint.url) }] });
  for (const agentId of ["far", "sse"]) {
    let said = "";
    const words = 'use tool weather with {"city": "Rome"}';
    for await (const { event } of client.run(ask(`t-${agentId}`, "r", words), { agentId })) {
      if (event.type === "TEXT_MESSAGE_CONTENT") said += event.delta;
      if (event.type === "RUN_ERROR") said += event.message;
    }
    expect(said, agentId).toBe('The tool weather answered: {"city":"Rome"}');
  }
});

describe("endpoints that the operator does not allow", () => {
  const register = (client: ReturnType<typeof clientOf>, url: string) =>
    client.tools.registerTools({ tools: [{ tool: tool("inside"), executor: http(url) }], replace: true });

  test.each([
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/",
    "http://192.168.1.1:8080/",
    "http://[fd00::1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://2852039166/",
  ])("%s is refused when it is registered", async (url) => {
    await using server = await startTestServer();
    const client = clientOf(server.url);
    expect(await refusedCall(register(client, url))).toMatchObject({
      code: Code.PermissionDenied,
      reason: "ENDPOINT_NOT_ALLOWED",
      metadata: { host: expect.any(String) },
      message: expect.stringContaining("--allow-endpoint"),
    });
    expect((await client.tools.listTools({})).tools).toEqual([]);
  });

  test("loopback is refused where the server is open to others, unless it is listed", async () => {
    await using endpoint = await startHttpTool();
    const open = { host: "0.0.0.0", allowHost: ["127.0.0.1"] };
    await using server = await startTestServer(open);
    const { port } = new URL(server.url);
    const client = clientOf(`http://127.0.0.1:${port}`);
    for (const url of [endpoint.url, `http://localhost:${endpoint.port}`])
      expect(await refusedCall(register(client, url))).toMatchObject({ reason: "ENDPOINT_NOT_ALLOWED" });
    await using listed = await startTestServer({ ...open, allowEndpoint: [`127.0.0.1:${endpoint.port}`] });
    const other = clientOf(`http://127.0.0.1:${new URL(listed.url).port}`);
    await register(other, endpoint.url);
    const call = { toolName: "inside", arguments: { city: "Rome" } };
    expect(await other.tools.executeTool(call)).toMatchObject({ content: '{"city":"Rome"}' });
  });

  test("a name is looked up at every call: one that turns out to mean the inside is not reached", async ({
    skip,
  }) => {
    // The machine's own name passes without DNS, and means an address of its own network or loopback.
    const found = await lookup(hostname()).catch(() => undefined);
    const isInside = /^(10|127|172\.(1[6-9]|2\d|3[01])|192\.168)\./.test(found?.address ?? "");
    if (!isInside || hostname() === "localhost") skip("this machine's name does not mean a private address");
    await using endpoint = await startHttpTool();
    await using server = await startTestServer({ host: "0.0.0.0", allowHost: ["127.0.0.1"] });
    const client = clientOf(`http://127.0.0.1:${new URL(server.url).port}`);
    await register(client, `http://${hostname()}:${endpoint.port}/`);
    const call = client.tools.executeTool({ toolName: "inside", arguments: { city: "Rome" } });
    expect(await refusedCall(call)).toMatchObject({
      reason: "TOOL_FAILED",
      message: expect.stringContaining("--allow-endpoint"),
    });
    expect(endpoint.received).toEqual([]);
  });

  test("a redirect leads nowhere that could not be registered", async () => {
    await using leading = await startHttpTool((_, response) => {
      response.writeHead(302, { location: "http://169.254.169.254/latest/meta-data/" }).end();
    });
    await using server = await startTestServer();
    const client = clientOf(server.url);
    await register(client, leading.url);
    const call = client.tools.executeTool({ toolName: "inside", arguments: { city: "Rome" } });
    expect(await refusedCall(call)).toMatchObject({ reason: "TOOL_FAILED" });
  });
});

test("kill -9 while tools work: their runs end as lost, nothing runs twice, and what clients do can still be told", {
  timeout: 60_000,
}, async () => {
  await using data = await createTempFolder();
  await using silent = await startHttpTool(() => {});
  const port = await freePort();
  const args = ["--port", String(port), "--data", data.path];
  const client = clientOf(`http://127.0.0.1:${port}`);
  let server = await launchServer(args);
  try {
    const executor = { kind: { case: "client", value: {} } } as const;
    const registered = [
      { tool: tool("slow"), executor: http(silent.url) },
      { tool: tool("scan"), executor },
    ];
    await client.tools.registerTools({ tools: registered });
    await client.sessions.createSession({ sessionId: "executed" });
    const call = { sessionId: "executed", toolName: "slow", toolCallId: "c", arguments: { city: "Rome" } };
    const executing = client.tools.executeTool(call).catch(() => undefined);
    let scanned = "";
    const words = 'use tool scan with {"city": "Rome"}';
    for await (const { event } of client.run(ask("scanning", "r", words), { agentId: "demo" })) {
      if (event.type !== "TOOL_CALL_END") continue;
      scanned = event.toolCallId;
      break; // the run goes on, and waits
    }
    await waitUntil(() => silent.received.length > 0, "the call of the tool");
    await server.kill();
    server = await launchServer(args);
    await executing;

    expect((await client.tools.listTools({})).tools.map((one) => one.tool?.name)).toEqual(["scan", "slow"]);
    const { runs } = await client.runs.listRuns({ sessionId: "executed" });
    expect(runs[0]).toMatchObject({ origin: "tool", errorCode: "NODE_LOST" });
    expect(await refusedCall(client.tools.executeTool(call))).toMatchObject({
      reason: "TOOL_FAILED",
      message: expect.stringContaining("the server stopped"),
    });
    expect(silent.received).toHaveLength(1);

    const result = { sessionId: "scanning", toolCallId: scanned, content: "fog" };
    const { runId } = await client.tools.submitToolResult(result);
    let said = "";
    for await (const { event } of client.observeRun({ sessionId: "scanning", runId }, { mode: "beginning" }))
      if (event.type === "TEXT_MESSAGE_CONTENT") said += event.delta;
    expect(said).toBe("The tool scan answered: fog");
    expect((await client.tools.submitToolResult(result)).runId).toBe(runId);
  } finally {
    await server.kill();
  }
});
