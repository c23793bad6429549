import { create } from "@bufbuild/protobuf";
import { timestampMs, ValueSchema } from "@bufbuild/protobuf/wkt";
import { inputToMessage, type Message } from "@dragoman/agui";
import { Durability, HealthCheckResponse_Status } from "@dragoman/contract/agent/v1/agui_service_pb";
import { RunAgentInputSchema } from "@dragoman/contract/agui/v1/input_pb";
import { RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import { SessionState } from "@dragoman/contract/orchestrator/v1/session_pb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readStream } from "../testing/read-stream.ts";
import { type Services, servicesOver } from "../testing/services.ts";
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

const finished = { type: "RUN_FINISHED", threadId: "any", runId: "any" };

/** Runs the script agent to the end. */
async function run({ agui }: Services, threadId: string, runId: string, script: object[] = [finished]) {
  const messages: Message[] = [{ id: `user-${runId}`, role: "user", content: `Say ${runId}` }];
  const input = inputToMessage({ threadId, runId, messages, forwardedProps: { script } as never });
  return readStream(agui.runAgent({ agentId: "script", input }));
}

describe.each(wireNames)("calls over %s", (name: WireName) => {
  const services = () => servicesOver(wires.transport(name));
  const named = (what: string) => `${what} over ${name}`;

  test("GetServiceInfo says what there is", async () => {
    const info = await services().agui.getServiceInfo({});
    expect(info).toMatchObject({
      name: "dragoman",
      protocolVersion: "1.0",
      resumable: true,
      durability: Durability.MEMORY,
      wires: ["grpc", "grpc-web", "connect", "sse", "ag-ui-binary"],
    });
    expect(info.version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(info.agents.map(({ id }) => id)).toEqual(["demo", "script", "script-unverified"]);
    expect(info.agents[0]?.description).not.toBe("");
    expect(info.agents[0]?.capabilities?.transport).toMatchObject({ streaming: true, resumable: true });
    const one = await services().agui.getServiceInfo({ agentId: "script" });
    expect(one.agents.map(({ id }) => id)).toEqual(["script"]);
  });

  test("HealthCheck tells that runs are taken", async () => {
    const health = await services().agui.healthCheck({});
    expect(health.status).toBe(HealthCheckResponse_Status.SERVING);
    expect(Math.abs((health.time ? timestampMs(health.time) : 0) - Date.now())).toBeLessThan(60_000);
    expect(health.diagnostics).toMatchObject({ durability: "memory" });
  });

  test("ValidateInput returns all problems, by their place in AG-UI's JSON", async () => {
    const { agui } = services();
    const good = inputToMessage({ threadId: "t", runId: "r", messages: [] });
    expect((await agui.validateInput({ input: good })).problems).toEqual([]);
    const bad = create(RunAgentInputSchema, {
      threadId: "t",
      messages: [
        { id: "a", content: "x" },
        { id: "b", role: "nobody", content: "x" },
      ],
    });
    const { problems } = await agui.validateInput({ input: bad, agentId: "nobody" });
    expect(problems.map(({ path }) => path)).toEqual(
      expect.arrayContaining(["/runId", "/messages/0/role", "/messages/1/role"]),
    );
    expect(problems.map(({ rule }) => rule)).toContain("agent_not_found");
    for (const problem of problems) expect(problem.message).not.toBe("");
    expect((await agui.validateInput({})).problems).toMatchObject([{ rule: "required" }]);
  });

  test("a session is made, found, listed and ended", async () => {
    const { sessions } = services();
    const sessionId = named("session");
    const initialState = create(ValueSchema, { kind: { case: "stringValue", value: "begin" } });
    const made = await sessions.createSession({ sessionId, initialState, options: { metadata: { a: 1 } } });
    expect(made.session).toMatchObject({ sessionId, state: SessionState.ACTIVE, runCount: 0n });
    expect(made.session?.logId).not.toBe("");
    expect(made.session?.options?.metadata).toEqual({ a: 1 });
    expect((await sessions.getSession({ sessionId })).session).toEqual(made.session);
    const { sessions: all } = await sessions.listSessions({ pageSize: 1_000 });
    expect(all.map((session) => session.sessionId)).toContain(sessionId);
    const ended = await sessions.endSession({ sessionId });
    expect(ended.session).toMatchObject({ state: SessionState.ENDED });
    expect(ended.session?.endTime).toBeDefined();
    expect((await sessions.endSession({ sessionId })).session).toEqual(ended.session);
    const filter = { state: SessionState.ENDED, pageSize: 1_000 };
    expect((await sessions.listSessions(filter)).sessions.map((one) => one.sessionId)).toContain(sessionId);
    const anonymous = await sessions.createSession({});
    expect(anonymous.session?.sessionId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("a session tells of its runs", async () => {
    const all = services();
    const sessionId = named("runs");
    for (const runId of ["one", "two", "three"]) await run(all, sessionId, runId);
    const { session } = await all.sessions.getSession({ sessionId });
    expect(session).toMatchObject({
      agentId: "script",
      title: "Say one",
      runCount: 3n,
      messageCount: 3n,
      headSequence: 6n,
      firstSequence: 1n,
      activeRunId: "",
      openInterruptIds: [],
    });
    const { run: last } = await all.runs.getRun({ sessionId, runId: "three" });
    expect(last).toMatchObject({
      sessionId,
      runId: "three",
      agentId: "script",
      state: RunState.SUCCEEDED,
      firstSequence: 5n,
      lastSequence: 6n,
      origin: "agent",
    });
    expect(last?.endTime).toBeDefined();
  });

  test("lists come in pages, newest first, filtered", async () => {
    const all = services();
    const sessionId = named("pages");
    for (const runId of ["1", "2", "3", "4", "5"]) await run(all, sessionId, runId);
    const failing = [{ type: "RUN_ERROR", message: "No luck.", code: "LUCK" }];
    await run(all, sessionId, "failed", failing);
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await all.runs.listRuns({ sessionId, pageSize: 2, pageToken });
      expect(page.runs.length).toBeLessThanOrEqual(2);
      seen.push(...page.runs.map(({ runId }) => runId));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(seen).toEqual(["failed", "5", "4", "3", "2", "1"]);
    const failed = await all.runs.listRuns({ sessionId, state: RunState.FAILED });
    expect(failed.runs).toMatchObject([{ runId: "failed", errorCode: "LUCK", errorMessage: "No luck." }]);
    expect((await all.runs.listRuns({ sessionId, agentId: "demo" })).runs).toEqual([]);
    expect((await all.runs.listRuns({ pageSize: 1 })).runs).toHaveLength(1);
  });

  test("ListMessages gives the history in pages", async () => {
    const all = services();
    const sessionId = named("messages");
    const reasoned = [
      { type: "REASONING_MESSAGE_START", messageId: "why", role: "reasoning" },
      { type: "REASONING_MESSAGE_CONTENT", messageId: "why", delta: "Hm." },
      { type: "REASONING_MESSAGE_END", messageId: "why" },
      { type: "TEXT_MESSAGE_START", messageId: "answer", role: "assistant" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "answer", delta: "Yes." },
      { type: "TEXT_MESSAGE_END", messageId: "answer" },
      finished,
    ];
    await run(all, sessionId, "one", reasoned);
    await run(all, sessionId, "two");
    const first = await all.sessions.listMessages({ sessionId, pageSize: 2 });
    expect(first.messages.map(({ id }) => id)).toEqual(["user-one", "answer"]);
    expect(first.messages[1]).toMatchObject({ role: "assistant", content: "Yes." });
    expect(first.headSequence).toBe(10n);
    const { nextPageToken: pageToken } = first;
    const second = await all.sessions.listMessages({ sessionId, pageSize: 2, pageToken });
    expect(second.messages.map(({ id }) => id)).toEqual(["user-two"]);
    expect(second.nextPageToken).toBe("");
    const whole = await all.sessions.listMessages({ sessionId, allRoles: true });
    expect(whole.messages.map(({ role }) => role)).toEqual(["user", "reasoning", "assistant", "user"]);
  });
});
