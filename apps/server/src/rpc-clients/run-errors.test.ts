import type { ResumeEntry } from "@ag-ui/client";
import { Code, ConnectError } from "@connectrpc/connect";
import { inputToMessage, type RunAgentInput } from "@dragoman/agui";
import { History, IfActive } from "@dragoman/contract/agent/v1/run_options_pb";
import { BadRequestSchema } from "@dragoman/contract/google/rpc/error_details_pb";
import { RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readStream } from "../testing/read-stream.ts";
import { finished, held, isHeld, type RunOptions, runScript } from "../testing/script-run.ts";
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
    await readStream(run(session, "active", { forwardedProps: held }), isHeld);
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
