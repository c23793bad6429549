import { readdirSync } from "node:fs";
import { join } from "node:path";
import { serve } from "@dragoman/agent/serve";
import { afterAll, beforeAll, expect, test } from "vitest";
import { projectFolder } from "../testing/documentation.ts";
import { openPlainGrpc, type PlainGrpc, type Reply } from "../testing/plain-grpc.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

/** Every RPC of the contract does its work for a client that has nothing but the protos. */

let server: TestServer;
let grpc: PlainGrpc;

beforeAll(async () => {
  server = await startTestServer({ heartbeatMs: "200" });
  const protos = ["agent/v1", "orchestrator/v1"].flatMap((folder) =>
    readdirSync(join(projectFolder, "api", folder))
      .filter((name) => name.endsWith("_service.proto"))
      .map((name) => `${folder}/${name}`),
  );
  grpc = openPlainGrpc(server.url, protos);
});
afterAll(async () => {
  grpc.close();
  await server.close();
});

const user = (id: string, content: string) => ({ id, role: "user", content });
const has = (field: string) => (item: Reply) => item[field] !== undefined && item[field] !== null;
const eventIs = (kind: string) => (item: Reply) => (item.event as Reply | undefined)?.event === kind;
const text = (value: unknown) => JSON.stringify(value);
const stringValue = (value: string) => ({ stringValue: value });
const struct = (fields: Record<string, object>) => ({ structValue: { fields } });

test("AGUIService", async () => {
  const info = await grpc.call("agent.v1.AGUIService/GetServiceInfo", {});
  expect(info).toMatchObject({ name: "dragoman", resumable: true });
  const input = { threadId: "t", runId: "r", messages: [user("u", "What is 6 * 7?")] };
  expect(await grpc.call("agent.v1.AGUIService/ValidateInput", { input })).toEqual({ problems: [] });
  expect(await grpc.call("agent.v1.AGUIService/HealthCheck", {})).toMatchObject({ status: "STATUS_SERVING" });
  const items = await grpc.read("agent.v1.AGUIService/RunAgent", { agentId: "demo", input });
  expect(eventIs("runFinished")(items.at(-1) as Reply)).toBe(true);
});

test("AgentService", async () => {
  const service = "agent.v1.AgentService";
  const request = { agentId: "demo", message: "What is 6 * 7?", uid: "u", surface: "api", surfaceId: "1" };
  const answer = await grpc.call(`${service}/RunAgentLoop`, request);
  expect(answer).toMatchObject({ content: expect.stringContaining("42"), outcome: "RUN_OUTCOME_SUCCESS" });
  const items = await grpc.read(`${service}/RunAgentLoopStream`, request);
  expect(items[0]).toMatchObject({ sessionResolved: { sessionId: answer.sessionId, created: false } });
  expect(items.at(-1)).toMatchObject({ completed: { content: expect.stringContaining("42") } });
  const spawned = await grpc.call(`${service}/SpawnAgent`, { targetAgentId: "demo", task: "What is 2 + 2?" });
  expect(spawned).toMatchObject({ content: expect.stringContaining("4"), targetAgentId: "demo" });
  expect(await grpc.call(`${service}/HealthCheck`, {})).toMatchObject({ status: "ok" });
});

test("LiveService", async () => {
  const live = grpc.open("agent.v1.LiveService/LiveSession");
  const input = { threadId: "live", runId: "r", messages: [user("u", "What is 6 * 7?")] };
  live.send({ start: { agentId: "demo", input } });
  await live.until(eventIs("runFinished"));
  await live.end();
});

test("SessionService and RunService", async () => {
  const sessions = "orchestrator.v1.SessionService";
  const runs = "orchestrator.v1.RunService";
  const sessionId = "session";
  await grpc.call(`${sessions}/CreateSession`, { sessionId, initialState: struct({ a: stringValue("b") }) });
  const input = { threadId: sessionId, runId: "r", messages: [user("u", "count to 3")] };
  await grpc.read("agent.v1.AGUIService/RunAgent", { agentId: "demo", input });
  expect(await grpc.call(`${sessions}/GetSession`, { sessionId })).toMatchObject({ session: { sessionId } });
  const listed = await grpc.call(`${sessions}/ListSessions`, {});
  expect(text(listed)).toContain('"session"');
  const { messages } = await grpc.call(`${sessions}/ListMessages`, { sessionId });
  expect(messages).toMatchObject([{ id: "u" }, { role: "assistant" }]);
  const observed = await grpc.read(`${sessions}/ObserveSession`, { sessionId });
  expect(observed.length).toBeGreaterThan(5);
  const run = await grpc.read(`${runs}/ObserveRun`, { sessionId, runId: "r" });
  expect(eventIs("runStarted")(run[0] as Reply)).toBe(true);
  expect(await grpc.call(`${runs}/GetRun`, { sessionId, runId: "r" })).toMatchObject({ run: { runId: "r" } });
  expect(text(await grpc.call(`${runs}/ListRuns`, { sessionId }))).toContain('"runId":"r"');
  expect(await grpc.call(`${runs}/CancelRun`, { sessionId, runId: "r" })).toMatchObject({
    run: { state: "RUN_STATE_SUCCEEDED" },
  });
  expect(await grpc.call(`${sessions}/EndSession`, { sessionId })).toMatchObject({
    session: { state: "SESSION_STATE_ENDED" },
  });
});

test("StateService", async () => {
  const state = "orchestrator.v1.StateService";
  await grpc.call("orchestrator.v1.SessionService/CreateSession", { sessionId: "state" });
  const watching = grpc.read(`${state}/WatchState`, { sessionId: "state" }, has("patch"));
  const patch = {
    operations: [{ op: "JSON_PATCH_OPERATION_TYPE_ADD", path: "/a", value: stringValue("b") }],
  };
  await new Promise((resolve) => setTimeout(resolve, 100));
  const changed = await grpc.call(`${state}/UpdateState`, { sessionId: "state", patch });
  expect(changed).toMatchObject({ changed: true });
  expect((await watching).at(-1)).toMatchObject({ revision: changed.revision, patch });
  const read = await grpc.call(`${state}/GetState`, { sessionId: "state", keys: ["/a"] });
  expect(read.state).toMatchObject(struct({ "/a": stringValue("b") }));
});

test("ToolService", async () => {
  const service = "orchestrator.v1.ToolService";
  const sessionId = "tools";
  await grpc.call("orchestrator.v1.SessionService/CreateSession", { sessionId });
  const tool = { name: "ask_user", description: "Asks the user.", parameters: struct({}) };
  const registered = { sessionId, tools: [{ tool, executor: { client: {} } }] };
  expect(text(await grpc.call(`${service}/RegisterTools`, registered))).toContain("ask_user");
  expect(text(await grpc.call(`${service}/ListTools`, { sessionId }))).toContain("ask_user");
  const executing = grpc.call(`${service}/ExecuteTool`, { sessionId, toolName: "ask_user", toolCallId: "c" });
  await grpc.read(
    "orchestrator.v1.SessionService/ObserveSession",
    { sessionId, follow: true },
    eventIs("toolCallEnd"),
  );
  const result = { sessionId, toolCallId: "c", content: "blue" };
  await grpc.call(`${service}/SubmitToolResult`, result);
  expect(await executing).toMatchObject({ toolCallId: "c", content: "blue" });
  const names = ["ask_user"];
  expect(await grpc.call(`${service}/UnregisterTools`, { sessionId, names })).toEqual({ names });
});

test("ChatService", async () => {
  const service = "orchestrator.v1.ChatService";
  const chat = grpc.open(`${service}/StreamingChat`);
  chat.send({ init: { agentId: "demo" } });
  const { ready } = await chat.until(has("ready"));
  const { chatId } = ready as { chatId: string };
  chat.send({ input: { message: user("u1", "What is 6 * 7?") } });
  await chat.until(eventIs("runFinished"));
  const sent = await grpc.call(`${service}/SendChatInput`, {
    chatId,
    input: { message: user("u2", "count to 3") },
  });
  expect(sent).toMatchObject({ chatId, disposition: "CHAT_DISPOSITION_STARTED" });
  await chat.until(eventIs("runFinished"));
  chat.send({ input: { message: { id: "u3", role: "nobody" } } });
  expect(await chat.until(has("rejected"))).toMatchObject({ rejected: { inputNumber: 2 } });
  await chat.end();
});

test("HumanInLoopService", async () => {
  const service = "orchestrator.v1.HumanInLoopService";
  const ask = async (sessionId: string) => {
    const input = { threadId: sessionId, runId: "r", messages: [user("u", "delete all notes")] };
    await grpc.read("agent.v1.AGUIService/RunAgent", { agentId: "demo", input });
  };
  await ask("hil-1");
  const filter = { sessionId: "hil-1" };
  const [first] = await grpc.read(`${service}/WatchInterrupts`, { filter }, has("caughtUp"));
  const { interrupt } = (first as Reply).interrupt as { interrupt: { id: string } };
  const answer = { sessionId: "hil-1", interruptId: interrupt.id };
  const resolved = await grpc.call(`${service}/ResolveInterrupt`, { ...answer, approve: {} });
  expect(resolved).toMatchObject({ interrupt: { state: "INTERRUPT_STATE_RESOLVED" } });
  expect(resolved.resumedRunId).not.toBe("");
  const desk = grpc.open(`${service}/HumanInLoop`);
  desk.send({ watch: { filter: { sessionId: "hil-2" } } });
  await desk.until(has("caughtUp"));
  await ask("hil-2");
  const item = await desk.until(has("interrupt"));
  const { id } = (item.interrupt as { interrupt: { id: string } }).interrupt;
  desk.send({ resolve: { sessionId: "hil-2", interruptId: id, deny: { reason: "not today" } } });
  await desk.until(has("resolved"));
  await desk.end();
});

test("BatchService", async () => {
  const service = "orchestrator.v1.BatchService";
  const items = [1, 2, 3].map((n) => ({
    agentId: "demo",
    input: { messages: [user("u", `What is ${n} * 7?`)] },
  }));
  const seen = await grpc.read(`${service}/BatchRunAgent`, { batchId: "b", items });
  expect(seen[0]).toMatchObject({ batch: { batchId: "b", itemCount: 3 } });
  expect(seen.at(-1)).toMatchObject({ batch: { state: "BATCH_STATE_COMPLETED", succeededCount: 3 } });
  const got = await grpc.call(`${service}/GetBatch`, { batchId: "b" });
  expect(got.results).toMatchObject([
    { content: expect.stringContaining("7") },
    { content: expect.stringContaining("14") },
    { content: expect.stringContaining("21") },
  ]);
  expect(text(await grpc.call(`${service}/ListBatches`, {}))).toContain('"batchId":"b"');
  expect(await grpc.call(`${service}/CancelBatch`, { batchId: "b" })).toMatchObject({
    batch: { state: "BATCH_STATE_COMPLETED" },
  });
});

test("EventService", async () => {
  const service = "orchestrator.v1.EventService";
  let isAttached = () => {};
  const attached = new Promise<void>((resolve) => {
    isAttached = resolve;
  });
  const filter = { sessionIds: ["events"] };
  const watching = grpc.read(`${service}/WatchEvents`, { filter }, (item) => {
    isAttached();
    return text(item).includes("runFinished");
  });
  await attached;
  const input = { threadId: "events", runId: "r", messages: [user("u", "count to 3")] };
  await grpc.read("agent.v1.AGUIService/RunAgent", { agentId: "demo", input });
  const live = (await watching).filter(has("event"));
  const replayed = (await grpc.read(`${service}/ReplayEvents`, { filter })).filter(has("event"));
  const places = (items: Reply[]) => items.map(({ event }) => (event as Reply).sequence);
  expect(places(replayed)).toEqual(places(live));
});

test("AgentRegistryService", async () => {
  const service = "orchestrator.v1.AgentRegistryService";
  await using host = await serve({
    async *run({ threadId, runId }) {
      yield { type: "TEXT_MESSAGE_CHUNK", messageId: "m", role: "assistant", delta: "from far away" };
      yield { type: "RUN_FINISHED", threadId, runId };
    },
  });
  const agentId = "far";
  const watching = grpc.read(
    `${service}/WatchAgents`,
    { agentId },
    (item) => item.removedAgentId === agentId,
  );
  const endpoints = [{ target: `127.0.0.1:${host.port}` }];
  await grpc.call(`${service}/RegisterAgent`, { agentId, endpoints });
  expect(await grpc.call(`${service}/GetAgent`, { agentId })).toMatchObject({
    agent: { agentId, endpoints },
  });
  expect(text(await grpc.call(`${service}/ListAgents`, {}))).toContain('"agentId":"far"');
  const answer = await grpc.call("agent.v1.AgentService/RunAgentLoop", { agentId, message: "hello" });
  expect(answer.content).toBe("from far away");
  await grpc.call(`${service}/DeregisterAgent`, { agentId });
  await watching;
});

test("there is no other RPC", () => {
  expect([...grpc.called].toSorted()).toEqual(grpc.methods.toSorted());
});
