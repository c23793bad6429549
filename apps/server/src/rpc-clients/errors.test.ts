import type { ResumeEntry } from "@ag-ui/client";
import { Code, ConnectError } from "@connectrpc/connect";
import { inputToMessage, type RunAgentInput } from "@dragoman/agui";
import type { RunAgentRequest } from "@dragoman/contract/agent/v1/agui_service_pb";
import {
  History,
  IfActive,
  type OnDisconnect,
  type OnOpenInterrupts,
} from "@dragoman/contract/agent/v1/run_options_pb";
import { BadRequestSchema, ResourceInfoSchema } from "@dragoman/contract/google/rpc/error_details_pb";
import type { AttachMode } from "@dragoman/contract/orchestrator/v1/cursor_pb";
import { RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import { waitUntil } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readStream, type StreamItem } from "../testing/read-stream.ts";
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

type Options = Partial<
  Pick<
    RunAgentRequest,
    "ifActive" | "history" | "baseSequence" | "ifStateRevision" | "afterSequence" | "logId"
  >
>;

const finished = { type: "RUN_FINISHED", threadId: "any", runId: "any" };
const open = { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" };
/** Never ends by itself: the second event would come after a minute. */
const held = { script: [open, finished], delayMs: 60_000 };

/** A call of RunAgent for the script agent. */
function run(threadId: string, runId: string, more: Partial<RunAgentInput> = {}, options: Options = {}) {
  const forwardedProps = { script: [finished] } as never;
  const input = inputToMessage({ threadId, runId, messages: [], forwardedProps, ...more });
  return all.agui.runAgent({ agentId: "script", input, ...options });
}

const isOpen = ({ item }: StreamItem) =>
  item.case === "event" && item.value.event.case === "textMessageStart";
const user = (id: string) => ({ id, role: "user" as const, content: id });
const unique = () => crypto.randomUUID();

describe("RunAgent refuses", () => {
  test("an agent that is not there", async () => {
    const input = inputToMessage({ threadId: "t", runId: "r", messages: [] });
    const call = all.agui.runAgent({ agentId: "nobody", input });
    expect(await refusedCall(call)).toMatchObject({
      code: Code.NotFound,
      reason: "AGENT_NOT_FOUND",
      metadata: { agent_id: "nobody" },
    });
  });

  test("an input that breaks AG-UI's rules, with every problem", async () => {
    const input = { threadId: "t", runId: "r", messages: [{ id: "a", role: "user" }, { role: "assistant" }] };
    const error = await readStream(all.agui.runAgent({ input })).catch(ConnectError.from);
    expect(await refusedCall(all.agui.runAgent({ input }))).toMatchObject({
      code: Code.InvalidArgument,
      reason: expect.stringMatching(/^INVALID_(INPUT|REQUEST)$/),
    });
    const details = error instanceof ConnectError ? error.findDetails(BadRequestSchema) : [];
    const fields = details.flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field));
    expect(fields.length).toBeGreaterThan(0);
  });

  test("a run that exists with another input", async () => {
    const session = unique();
    await readStream(run(session, "r"));
    expect(await refusedCall(run(session, "r", { messages: [user("other")] }))).toMatchObject({
      code: Code.AlreadyExists,
      reason: "RUN_EXISTS",
      metadata: { session_id: session, run_id: "r" },
    });
  });

  test("another run while one is active", async () => {
    const session = unique();
    await readStream(run(session, "active", { forwardedProps: held }), isOpen);
    expect(await refusedCall(run(session, "next", {}, { ifActive: IfActive.REJECT }))).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "RUN_ACTIVE",
      metadata: { session_id: session, run_id: "active" },
    });
    await all.runs.cancelRun({ sessionId: session });
  });

  test("a session that was ended", async () => {
    const session = unique();
    await readStream(run(session, "r"));
    const { session: ended } = await all.sessions.endSession({ sessionId: session });
    const refusal = await refusedCall(run(session, "next"));
    expect(refusal).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "SESSION_ENDED",
      metadata: { session_id: session },
    });
    const endMs = Number(ended?.endTime?.seconds) * 1000 + (ended?.endTime?.nanos ?? 0) / 1e6;
    expect(Date.parse(refusal.metadata.end_time ?? "")).toBe(endMs);
  });

  test("a rewind by somebody who does not know the end", async () => {
    const session = unique();
    await readStream(run(session, "one", { messages: [user("a"), user("b")] }));
    const rewind = { messages: [user("a")] };
    expect(await refusedCall(run(session, "two", rewind, { baseSequence: 1n }))).toMatchObject({
      code: Code.Aborted,
      reason: "STALE_HISTORY",
      metadata: { head_sequence: "2" },
    });
    expect((await readStream(run(session, "two", rewind, { baseSequence: 2n }))).kinds).toContain(
      "messagesSnapshot",
    );
  });

  test("a known message where all must be new", async () => {
    const session = unique();
    await readStream(run(session, "one", { messages: [user("a")] }));
    const again = run(session, "two", { messages: [user("a")] }, { history: History.APPEND });
    expect(await refusedCall(again)).toMatchObject({
      code: Code.InvalidArgument,
      reason: "INVALID_INPUT",
      metadata: { path: "/messages/0/id" },
    });
  });

  test("a state that was read before it changed", async () => {
    const session = unique();
    await readStream(run(session, "one", { state: { n: 1 } }));
    expect(
      await refusedCall(run(session, "two", { state: { n: 2 } }, { ifStateRevision: 0n })),
    ).toMatchObject({
      code: Code.Aborted,
      reason: "STALE_STATE",
      metadata: { revision: "2" },
    });
    const fresh = await readStream(run(session, "two", { state: { n: 2 } }, { ifStateRevision: 2n }));
    expect(fresh.kinds).toContain("stateSnapshot");
  });

  test("a history with more messages than the session may have", async () => {
    const session = unique();
    await all.sessions.createSession({ sessionId: session, options: { messageCountMax: 1 } });
    const refusal = await refusedCall(run(session, "one", { messages: [user("a"), user("b")] }));
    expect(refusal).toMatchObject({ code: Code.ResourceExhausted, reason: "LIMIT_REACHED" });
    expect(refusal.metadata).toMatchObject({ limit: expect.any(String), value: "1" });
  });

  test("answers that cannot be: decided, expired, of the wrong form", async () => {
    const session = unique();
    const interrupts = [
      { id: "a", reason: "input", responseSchema: { type: "object", required: ["n"] } },
      { id: "old", reason: "input", expiresAt: "2001-01-01T00:00:00Z" },
    ];
    const asking = { ...finished, outcome: { type: "interrupt", interrupts } };
    await readStream(run(session, "asking", { forwardedProps: { script: [asking] } as never }));
    const answer = (runId: string, resume: ResumeEntry[]) => run(session, runId, { resume } as never);
    expect(
      await refusedCall(answer("1", [{ interruptId: "a", status: "resolved", payload: {} }])),
    ).toMatchObject({
      code: Code.InvalidArgument,
      reason: "INVALID_INTERRUPT_PAYLOAD",
      metadata: { interrupt_id: "a", path: "" },
    });
    expect(await refusedCall(answer("2", [{ interruptId: "old", status: "resolved" }]))).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "INTERRUPT_EXPIRED",
      metadata: { interrupt_id: "old" },
    });
    const { run: waiting } = await all.runs.getRun({ sessionId: session, runId: "asking" });
    expect(waiting).toMatchObject({ state: RunState.INTERRUPTED, openInterruptIds: ["a", "old"] });
    const both: ResumeEntry[] = [
      { interruptId: "a", status: "resolved", payload: { n: 1 } },
      { interruptId: "old", status: "cancelled" },
    ];
    await readStream(answer("3", both));
    expect(await refusedCall(answer("4", both.slice(1)))).toMatchObject({
      code: Code.AlreadyExists,
      reason: "INTERRUPT_DECIDED",
      metadata: { interrupt_id: "old", status: "cancelled", run_id: "3" },
    });
  });

  test("to wait longer than the caller does; the run goes on", async () => {
    const session = unique();
    const input = inputToMessage({ threadId: session, runId: "r", messages: [], forwardedProps: held });
    const call = all.agui.runAgent({ agentId: "script", input }, { timeoutMs: 300 });
    expect(await refusedCall(call)).toMatchObject({ code: Code.DeadlineExceeded });
    const { run: running } = await all.runs.getRun({ sessionId: session, runId: "r" });
    expect(running?.state).toBe(RunState.RUNNING);
    await all.runs.cancelRun({ sessionId: session });
  });

  test("more than a request may have", async () => {
    const call = run(unique(), "r", { messages: [{ ...user("a"), content: "x".repeat(5 << 20) }] });
    expect(await refusedCall(call)).toMatchObject({
      code: Code.ResourceExhausted,
      reason: "LIMIT_REACHED",
      metadata: { limit: "readMaxBytes", value: String(4 << 20) },
    });
  });

  test("to go on after the deadline that the caller set; the server says so, too", async () => {
    const session = unique();
    const body = { agentId: "script", input: { threadId: session, runId: "r", forwardedProps: held } };
    const text = JSON.stringify(body);
    const envelope = Buffer.alloc(5);
    envelope.writeUInt32BE(Buffer.byteLength(text), 1);
    const response = await fetch(`${server.url}/agent.v1.AGUIService/RunAgent`, {
      method: "POST",
      headers: { "content-type": "application/connect+json", "connect-timeout-ms": "300" },
      body: Buffer.concat([envelope, Buffer.from(text)]),
    });
    const end = /\{"error":.*$/s.exec(await response.text())?.[0] ?? "{}";
    expect(JSON.parse(end).error).toMatchObject({
      code: "deadline_exceeded",
      details: [{ debug: { reason: "DEADLINE_EXCEEDED" } }],
    });
    await all.runs.cancelRun({ sessionId: session });
  });
});

describe("while a run is active, another one", () => {
  test("waits in its turn where it says so", async () => {
    const session = unique();
    await readStream(run(session, "active", { forwardedProps: held }), isOpen);
    const queue = { ifActive: IfActive.QUEUE };
    const waiting = ["second", "third"].map((runId) => readStream(run(session, runId, {}, queue)));
    const states = async () => {
      const { runs } = await all.runs.listRuns({ sessionId: session });
      return runs.map(({ state }) => state).toSorted();
    };
    const wanted = [RunState.QUEUED, RunState.QUEUED, RunState.RUNNING];
    await waitUntil(async () => (await states()).join() === wanted.join(), "both runs to wait");
    await all.runs.cancelRun({ sessionId: session, runId: "active" });
    const [second, third] = await Promise.all(waiting);
    expect(second?.kinds).toEqual(["runStarted", "runFinished"]);
    expect(third?.sequences[0]).toBeGreaterThan(second?.sequences.at(-1) ?? Number.POSITIVE_INFINITY);
  });

  test("is taken out of the queue where it is cancelled", async () => {
    const session = unique();
    await readStream(run(session, "active", { forwardedProps: held }), isOpen);
    const queued = readStream(run(session, "queued", {}, { ifActive: IfActive.QUEUE }));
    const there = () => all.runs.getRun({ sessionId: session, runId: "queued" }).catch(() => undefined);
    await waitUntil(there, "the run to wait");
    await all.runs.cancelRun({ sessionId: session, runId: "queued" });
    await all.runs.cancelRun({ sessionId: session, runId: "active" });
    await queued;
    const { run: ended } = await all.runs.getRun({ sessionId: session, runId: "queued" });
    expect(ended?.state).toBe(RunState.CANCELED);
  });

  test("takes its place where it says so", async () => {
    const session = unique();
    await readStream(run(session, "active", { forwardedProps: held }), isOpen);
    const next = await readStream(run(session, "next", {}, { ifActive: IfActive.CANCEL }));
    expect(next.kinds.slice(0, 1)).toEqual(["runStarted"]);
    const { run: first } = await all.runs.getRun({ sessionId: session, runId: "active" });
    expect(first?.state).toBe(RunState.CANCELED);
  });
});

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

  test("options that this server does not keep", async () => {
    const options = { expireAfter: { seconds: 60n } };
    expect(await refusedCall(all.sessions.createSession({ options }))).toMatchObject({
      code: Code.Unimplemented,
      reason: "UNSUPPORTED",
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

describe("requests that break the rules of their schema", () => {
  const long = "x".repeat(257);
  const input = inputToMessage({ threadId: "t", runId: "r", messages: [] });
  const sessionId = "t";
  const bad: readonly (readonly [string, string, () => Promise<unknown> | AsyncIterable<unknown>])[] = [
    ["RunAgent", "input", () => all.agui.runAgent({})],
    ["RunAgent", "agent_id", () => all.agui.runAgent({ input, agentId: long })],
    ["RunAgent", "after_sequence", () => all.agui.runAgent({ input, afterSequence: -1n })],
    ["RunAgent", "log_id", () => all.agui.runAgent({ input, logId: "x".repeat(65) })],
    ["RunAgent", "if_active", () => all.agui.runAgent({ input, ifActive: 9 as IfActive })],
    ["RunAgent", "on_disconnect", () => all.agui.runAgent({ input, onDisconnect: 9 as OnDisconnect })],
    [
      "RunAgent",
      "on_disconnect_grace",
      () => all.agui.runAgent({ input, onDisconnectGrace: { seconds: 3601n } }),
    ],
    ["RunAgent", "history", () => all.agui.runAgent({ input, history: 9 as History })],
    ["RunAgent", "base_sequence", () => all.agui.runAgent({ input, baseSequence: -1n })],
    ["RunAgent", "if_state_revision", () => all.agui.runAgent({ input, ifStateRevision: -1n })],
    [
      "RunAgent",
      "on_open_interrupts",
      () => all.agui.runAgent({ input, onOpenInterrupts: 9 as OnOpenInterrupts }),
    ],
    ["GetServiceInfo", "agent_id", () => all.agui.getServiceInfo({ agentId: long })],
    ["ValidateInput", "agent_id", () => all.agui.validateInput({ input, agentId: long })],
    ["ObserveRun", "session_id", () => all.runs.observeRun({})],
    ["ObserveRun", "run_id", () => all.runs.observeRun({ sessionId, runId: long })],
    ["ObserveRun", "mode", () => all.runs.observeRun({ sessionId, mode: 9 as AttachMode })],
    ["ObserveRun", "after_sequence", () => all.runs.observeRun({ sessionId, afterSequence: -1n })],
    ["GetRun", "session_id", () => all.runs.getRun({ runId: "r" })],
    ["GetRun", "run_id", () => all.runs.getRun({ sessionId })],
    ["ListRuns", "page_size", () => all.runs.listRuns({ pageSize: -1 })],
    ["ListRuns", "page_token", () => all.runs.listRuns({ pageToken: "x".repeat(1025) })],
    ["ListRuns", "state", () => all.runs.listRuns({ state: 99 as RunState })],
    ["CancelRun", "session_id", () => all.runs.cancelRun({})],
    ["CreateSession", "session_id", () => all.sessions.createSession({ sessionId: long })],
    [
      "CreateSession",
      "tools",
      () => all.sessions.createSession({ tools: Array(257).fill({ name: "n", description: "d" }) }),
    ],
    ["GetSession", "session_id", () => all.sessions.getSession({})],
    ["ListSessions", "page_size", () => all.sessions.listSessions({ pageSize: -1 })],
    ["EndSession", "session_id", () => all.sessions.endSession({})],
    ["ObserveSession", "session_id", () => all.sessions.observeSession({ sessionId: "é".repeat(129) })],
    ["ListMessages", "session_id", () => all.sessions.listMessages({})],
  ];

  test.each(bad)("%s: %s", async (_, field, call) => {
    expect(await refusedCall(call())).toMatchObject({
      code: Code.InvalidArgument,
      reason: "INVALID_REQUEST",
      message: expect.stringContaining(field),
    });
  });

  test("every violation is listed", async () => {
    const error = await all.runs
      .listRuns({ pageSize: -1, sessionId: long, agentId: long })
      .catch((reason) => ConnectError.from(reason));
    const details = error instanceof ConnectError ? error.findDetails(BadRequestSchema) : [];
    const fields = details.flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field));
    expect(fields.toSorted()).toEqual(["agent_id", "page_size", "session_id"]);
  });
});
