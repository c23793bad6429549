import { readFileSync } from "node:fs";
import { Code, ConnectError } from "@connectrpc/connect";
import { type AgentEvent, errorReasonOf } from "@dragoman/client";
import { createGrpcAgentClient, type GrpcAgentClient } from "@dragoman/client/node";
import { createFaultProxy, createTempFolder } from "@dragoman/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeCertificates } from "../testing/certificates.ts";
import { type HeldAgent, startHeldAgent } from "../testing/held-agent.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let held: HeldAgent;
let behind: TestServer;
let server: TestServer;
let client: GrpcAgentClient;
beforeAll(async () => {
  held = await startHeldAgent();
  behind = await startTestServer();
  // Agents under the names that the example calls.
  const researcher = `researcher=grpc:${new URL(behind.url).host}`;
  const coder = `coder=ag-ui:${behind.url}/agents/demo`;
  server = await startTestServer({ agent: [researcher, coder, `held=ag-ui:${held.url}`] });
  client = createGrpcAgentClient(new URL(server.url).host);
});
afterAll(async () => {
  client.close();
  await server.close();
  await behind.close();
  await held[Symbol.asyncDispose]();
});

test("the example that users know works but for its import", async () => {
  const printed: [string, string][] = [];
  const console = { log: (type: string, data: string) => printed.push([type, data]) };
  const client = createGrpcAgentClient(`localhost:${new URL(server.url).port}`);

  // Unary call
  const response = await client.runAgentLoop({
    uid: "user-123",
    message: "Summarize the latest research",
    agentId: "researcher",
    surface: "api",
    surfaceId: "grpc-test",
  });

  // Server-streaming call
  const stream = client.runAgentLoopStream({
    uid: "user-123",
    message: "Analyze this codebase",
    agentId: "coder",
    surface: "api",
    surfaceId: "grpc-stream",
  });

  for await (const event of stream) {
    console.log(event.type, event.data);
  }

  expect(response.content).not.toBe("");
  expect(response.sessionId).not.toBe("");
  const types = printed.map(([type]) => type);
  expect([types[0], types.at(-1)]).toEqual(["session_resolved", "completed"]);
  expect(new Set(types.slice(1, -1))).toEqual(new Set(["stream_delta"]));
  const data = printed.map(([, text]) => JSON.parse(text) as Record<string, unknown>);
  const deltas = data.slice(1, -1).map(({ text }) => text);
  expect(data.at(-1)).toMatchObject({ content: deltas.join(""), outcome: "success" });
  client.close();
});

test("events have typed fields, in the order of the documentation", async () => {
  const events: AgentEvent[] = [];
  for await (const event of client.runAgentLoopStream({ message: "what is 6 * 7?", runId: "typed" }))
    events.push(event);
  const [resolved] = events;
  expect(resolved?.type === "session_resolved" && resolved).toMatchObject({ runId: "typed", created: true });
  const tools = events.filter(({ type }) => type.startsWith("tool"));
  expect(tools.map(({ type }) => type)).toEqual(["tool_call_start", "tool_call_complete", "tool_result"]);
  for (const event of events) expect(event).toMatchObject(JSON.parse(event.data));
  const [, complete, result] = tools;
  expect(complete?.type === "tool_call_complete" && JSON.parse(complete.argumentsJson)).toBeTypeOf("object");
  expect(result?.type === "tool_result" && result.durationMs).toBeGreaterThanOrEqual(0);
});

test("a run that fails is an error of the call, and the last event of a stream", async () => {
  const request = { message: "fail with code OUT_OF_LUCK" };
  const failure: unknown = await client.runAgentLoop(request).catch((error: unknown) => error);
  expect(errorReasonOf(failure)).toBe("RUN_FAILED");
  const events: AgentEvent[] = [];
  for await (const event of client.runAgentLoopStream(request)) events.push(event);
  expect(events.at(-1)).toMatchObject({ type: "error", code: "OUT_OF_LUCK" });
});

test("tasks and usage are plain values", async () => {
  const done = await client.spawnAgent({ targetAgentId: "demo", task: "what is 6 * 7?" });
  expect(done).toMatchObject({ targetAgentId: "demo", outcome: "success", interruptIds: [] });
  expect(done.durationMs).toBeGreaterThanOrEqual(0);
  const counted = client.runAgentLoop({ message: "hi", agentId: "held", runId: "counted" });
  await held.called("counted");
  const usage = [{ inputTokens: 3, outputTokens: 4 }];
  held.emit("counted", { type: "RUN_FINISHED", threadId: "any", runId: "counted", usage });
  expect(JSON.parse(JSON.stringify(await counted))).toMatchObject({
    usage: { inputTokens: 3, outputTokens: 4, totalTokens: 7 },
  });
  const { status, timestamp } = await client.healthCheck();
  expect(status).toBe("ok");
  expect(timestamp).toBeInstanceOf(Date);
});

test("a deadline ends the call and not the run; leaving a stream does neither", async () => {
  const hasty = createGrpcAgentClient(server.url, { deadlineMs: 300 });
  const request = { message: "hi", agentId: "held", runId: "slow" };
  const late: unknown = await hasty.runAgentLoop(request).catch((error: unknown) => error);
  expect(ConnectError.from(late).code).toBe(Code.DeadlineExceeded);
  for await (const event of client.runAgentLoopStream(request)) if (event.type === "session_resolved") break;
  const again = client.runAgentLoop(request);
  await held.called("slow");
  held.finish("slow", "at last");
  expect(await again).toMatchObject({ content: "at last" });
  hasty.close();
});

test("a cut connection ends neither a turn nor a task: a retry by their ids gets the answer", async () => {
  await using proxy = await createFaultProxy({ port: Number(new URL(server.url).port) });
  const far = createGrpcAgentClient(proxy.url);
  const turn = { message: "hi", agentId: "held", runId: "cut-turn" };
  const task = { targetAgentId: "held", task: "hold", taskId: "cut-task" };
  const calls = [far.runAgentLoop(turn), far.spawnAgent(task)];
  await Promise.all([held.called("cut-turn"), held.called("cut-task")]);
  proxy.cut();
  for (const call of calls) await expect(call).rejects.toBeInstanceOf(ConnectError);
  const again = Promise.all([far.runAgentLoop(turn), far.spawnAgent(task)]);
  held.finish("cut-turn", "the turn");
  held.finish("cut-task", "the task");
  expect((await again).map(({ content }) => content)).toEqual(["the turn", "the task"]);
  const asked = held.inputs.filter(({ runId }) => runId.startsWith("cut-"));
  expect(asked.length, "each was begun once").toBe(2);
  far.close();
});

test("mutual TLS: with certificates a bare target is called over it, and without them nobody gets in", async () => {
  const folder = await createTempFolder();
  const pem = makeCertificates(folder.path);
  const names = { GRPC_TLS_CERT: pem.server.cert, GRPC_TLS_KEY: pem.server.key, GRPC_TLS_CA: pem.ca };
  const secured = await startTestServer({}, names);
  const read = (path: string) => readFileSync(path);
  const target = `localhost:${new URL(secured.url).port}`;
  const ca = read(pem.ca);
  const trusted = createGrpcAgentClient(target, {
    tls: { ca, cert: read(pem.client.cert), key: read(pem.client.key) },
  });
  expect(await trusted.healthCheck()).toMatchObject({ status: "ok" });
  const stranger = createGrpcAgentClient(target, { tls: { ca } });
  await expect(stranger.healthCheck()).rejects.toBeInstanceOf(ConnectError);
  trusted.close();
  stranger.close();
  await secured.close();
  await folder.remove();
});
