import { Code, ConnectError } from "@connectrpc/connect";
import { inputToMessage, type RunAgentInput } from "@dragoman/agui";
import { ResourceInfoSchema } from "@dragoman/contract/google/rpc/error_details_pb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readStream } from "../testing/read-stream.ts";
import { type RunOptions, runScript } from "../testing/script-run.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, refusedCall, type Wires } from "../testing/wires.ts";

let server: TestServer;
let wires: Wires;
let all: Services;

beforeAll(async () => {
  server = await startTestServer();
  wires = openWires(server.url);
  all = servicesOver(wires.transport("gRPC"));
});
afterAll(async () => {
  wires.close();
  await server.close();
});

const run = (threadId: string, runId: string, more: Partial<RunAgentInput> = {}, options: RunOptions = {}) =>
  runScript(all, threadId, runId, more, options);
const user = (id: string) => ({ id, role: "user" as const, content: id });
const unique = () => crypto.randomUUID();

describe("cursors", () => {
  test("of another log, and ahead of the log, are refused with where to restart", async () => {
    const session = unique();
    const { logId } = await readStream(run(session, "r"));
    const calls = (place: { afterSequence: bigint; logId?: string }) => [
      run(session, "r", {}, place),
      all.runs.observeRun({ sessionId: session, runId: "r", ...place }),
      all.sessions.observeSession({ sessionId: session, ...place }),
    ];
    for (const call of calls({ afterSequence: 3n })) {
      expect(await refusedCall(call)).toMatchObject({
        code: Code.OutOfRange,
        reason: "CURSOR_AHEAD",
        metadata: { head_sequence: "2", log_id: logId },
      });
    }
    for (const call of calls({ afterSequence: 1n, logId: "another" })) {
      expect(await refusedCall(call)).toMatchObject({
        code: Code.OutOfRange,
        reason: "CURSOR_OF_ANOTHER_LOG",
        metadata: { head_sequence: "2", log_id: logId },
      });
    }
  });
});

describe("what is not there", () => {
  test("a session", async () => {
    const sessionId = unique();
    const { runs, sessions } = all;
    const calls = [
      runs.observeRun({ sessionId }),
      runs.getRun({ sessionId, runId: "r" }),
      runs.cancelRun({ sessionId }),
      sessions.getSession({ sessionId }),
      sessions.endSession({ sessionId }),
      sessions.observeSession({ sessionId }),
      sessions.listMessages({ sessionId }),
    ];
    for (const call of calls) {
      expect(await refusedCall(call)).toMatchObject({
        code: Code.NotFound,
        reason: "SESSION_NOT_FOUND",
        metadata: { session_id: sessionId },
      });
    }
  });

  test("a run", async () => {
    const sessionId = unique();
    await all.sessions.createSession({ sessionId });
    const { runs } = all;
    const calls = [
      runs.observeRun({ sessionId, runId: "r" }),
      runs.getRun({ sessionId, runId: "r" }),
      runs.cancelRun({ sessionId, runId: "r" }),
    ];
    for (const call of calls) {
      expect(await refusedCall(call)).toMatchObject({
        code: Code.NotFound,
        reason: "RUN_NOT_FOUND",
        metadata: { session_id: sessionId, run_id: "r" },
      });
    }
    expect(await refusedCall(runs.observeRun({ sessionId }))).toMatchObject({ reason: "RUN_NOT_FOUND" });
  });

  test("an agent of GetServiceInfo; the resource is named", async () => {
    const call = all.agui.getServiceInfo({ agentId: "nobody" });
    expect(await refusedCall(call)).toMatchObject({
      code: Code.NotFound,
      reason: "AGENT_NOT_FOUND",
      metadata: { agent_id: "nobody" },
    });
    const error = await all.sessions.getSession({ sessionId: "nowhere" }).catch(ConnectError.from);
    const details = error instanceof ConnectError ? error.findDetails(ResourceInfoSchema) : [];
    expect(details).toMatchObject([{ resourceType: "session", resourceName: "nowhere" }]);
  });
});

describe("sessions and lists", () => {
  test("an id that is taken", async () => {
    const sessionId = unique();
    await all.sessions.createSession({ sessionId });
    expect(await refusedCall(all.sessions.createSession({ sessionId }))).toMatchObject({
      code: Code.AlreadyExists,
      reason: "SESSION_EXISTS",
      metadata: { session_id: sessionId },
    });
  });

  test("page tokens of something else", async () => {
    const sessionId = unique();
    for (const runId of ["1", "2", "3"]) await readStream(run(sessionId, runId, { messages: [user(runId)] }));
    const page = await all.runs.listRuns({ sessionId, pageSize: 1 });
    const messages = await all.sessions.listMessages({ sessionId, pageSize: 1 });
    const { runs, sessions } = all;
    const calls = [
      runs.listRuns({ pageToken: "nonsense" }),
      runs.listRuns({ pageSize: 1, pageToken: page.nextPageToken }),
      sessions.listSessions({ pageToken: page.nextPageToken }),
      sessions.listMessages({ sessionId, pageToken: "nonsense" }),
      sessions.listMessages({ sessionId, allRoles: true, pageToken: messages.nextPageToken }),
    ];
    for (const call of calls) {
      expect(await refusedCall(call)).toMatchObject({
        code: Code.InvalidArgument,
        reason: "INVALID_PAGE_TOKEN",
      });
    }
  });
});

test("an event that has only a JSON form is refused on binary wires, and read over HTTP", async () => {
  const session = unique();
  const script = [
    { type: "RUN_STARTED", threadId: session, runId: "r" },
    { type: "FROM_THE_FUTURE", x: 1 },
    { type: "RUN_FINISHED", threadId: session, runId: "r" },
  ];
  const input = inputToMessage({
    threadId: session,
    runId: "r",
    messages: [],
    forwardedProps: { script } as never,
  });
  const call = all.agui.runAgent({ agentId: "script-unverified", input });
  const refusal = { code: Code.FailedPrecondition, reason: "EVENT_ONLY_JSON", metadata: { sequence: "2" } };
  expect(await refusedCall(call)).toMatchObject(refusal);
  expect(await refusedCall(all.runs.observeRun({ sessionId: session }))).toMatchObject(refusal);
  const response = await fetch(`${server.url}/sessions/${session}/events`);
  expect(await response.text()).toContain("FROM_THE_FUTURE");
});
