import { Code } from "@connectrpc/connect";
import { inputToMessage, type Json, resumeEntryFromMessage } from "@dragoman/agui";
import { toValue } from "@dragoman/client";
import { InterruptState } from "@dragoman/contract/orchestrator/v1/interrupt_pb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, askAsTold, endedRun, question, takeItems } from "../testing/asking.ts";
import { type RecordingAgent, startRecordingAgent } from "../testing/recording-agent.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, refusedCall, type WireName, type Wires, wireNames } from "../testing/wires.ts";

let recorder: RecordingAgent;
let server: TestServer;
let wires: Wires;
beforeAll(async () => {
  recorder = await startRecordingAgent();
  recorder.script = askAsTold;
  server = await startTestServer({ heartbeatMs: "200", agent: [`asker=ag-ui:${recorder.url}`] });
  wires = openWires(server.url);
});
afterAll(async () => {
  wires.close();
  await server.close();
  await recorder[Symbol.asyncDispose]();
});

const over = (name: WireName): Services => servicesOver(wires.transport(name));

const approve = { case: "approve", value: {} } as const;
const deny = { case: "deny", value: { reason: "not today" } } as const;
const cancel = { case: "cancel", value: {} } as const;
const input = (value: Json) => ({ case: "input", value: toValue(value) }) as const;

/** What the agent was given as answers in the runs of a session. */
const answersGiven = (sessionId: string) =>
  recorder.inputs.filter(({ threadId }) => threadId === sessionId).map(({ resume }) => resume ?? []);

describe.each(wireNames)("over %s", (name) => {
  test("what waits is shown, then what is made, answered, and a silence", async () => {
    const services = over(name);
    const agentId = "asker";
    const sessionId = await ask(services, agentId, [question("a", { message: "Colour?" })]);
    const leaving = new AbortController();
    const filter = { sessionId };
    const watch = services.humanInLoop.watchInterrupts({ filter }, { signal: leaving.signal });
    const stream = watch[Symbol.asyncIterator]();
    const [first, second] = await takeItems(stream, 2);
    expect(first?.value).toMatchObject({
      interrupt: { id: "a", reason: "input", message: "Colour?" },
      sessionId,
      agentId,
      state: InterruptState.OPEN,
      resumedRunId: "",
    });
    expect(second).toMatchObject({ case: "caughtUp", value: { interruptCount: 1n } });
    expect((await stream.next()).value).toMatchObject({ item: { case: "heartbeat" } });
    const { resumedRunId } = await services.humanInLoop.resolveInterrupt({
      sessionId,
      interruptId: "a",
      decision: input("green"),
    });
    const [changed] = await takeItems(stream, 1);
    expect(changed?.value).toMatchObject({ state: InterruptState.RESOLVED, resumedRunId });
    leaving.abort();
    await expect(stream.next()).rejects.toMatchObject({ code: Code.Canceled });
  });

  test.each([
    { decision: approve, status: "resolved", payload: { approved: true } },
    {
      decision: { case: "approve", value: { editedArguments: { path: "/tmp" } } } as const,
      status: "resolved",
      payload: { approved: true, editedArgs: { path: "/tmp" } },
    },
    { decision: deny, status: "resolved", payload: { approved: false, reason: "not today" } },
    {
      decision: input({ colour: ["green", 1, null] }),
      status: "resolved",
      payload: { colour: ["green", 1, null] },
    },
    { decision: cancel, status: "cancelled", payload: undefined },
  ])("the agent is told of $decision.case as $payload", async ({ decision, status, payload }) => {
    const services = over(name);
    const sessionId = await ask(services, "asker", [question("a", { toolCallId: "call" })]);
    const metadata = { by: "Ada" };
    const answer = { sessionId, interruptId: "a", decision, metadata };
    const resolved = await services.humanInLoop.resolveInterrupt(answer);
    expect(resolved.openInterruptIds).toEqual([]);
    const run = await endedRun(services, sessionId, resolved.resumedRunId);
    expect(run).toMatchObject({ agentId: "asker", parentRunId: resolved.interrupt?.runId });
    const entry = { interruptId: "a", status, ...(payload !== undefined && { payload }), metadata };
    expect(answersGiven(sessionId)).toEqual([[], [entry]]);
    const told = resolved.interrupt?.answer;
    expect(told && resumeEntryFromMessage(told)).toEqual(entry);
    // Again, with the first one's outcome.
    const again = await services.humanInLoop.resolveInterrupt({ ...answer, metadata: { by: "Bob" } });
    expect(again.interrupt).toEqual(resolved.interrupt);
    expect(again.resumedRunId).toBe(resolved.resumedRunId);
    expect(answersGiven(sessionId)).toHaveLength(2);
  });

  test("several are answered in turn, by two clients", async () => {
    const services = over(name);
    const other = over("gRPC");
    const sessionId = await ask(services, "asker", [question("a"), question("b")]);
    const first = await services.humanInLoop.resolveInterrupt({
      sessionId,
      interruptId: "b",
      decision: approve,
    });
    expect(first).toMatchObject({ openInterruptIds: ["a"], resumedRunId: "" });
    const last = await other.humanInLoop.resolveInterrupt({ sessionId, interruptId: "a", decision: deny });
    await endedRun(services, sessionId, last.resumedRunId);
    expect(
      answersGiven(sessionId)
        .at(-1)
        ?.map(({ interruptId }) => interruptId),
    ).toEqual(["b", "a"]);
  });

  test("two clients answer at once: one wins, the other is told who", async () => {
    const services = over(name);
    const sessionId = await ask(services, "asker", [question("a")]);
    const by = (client: Services, decision: typeof approve | typeof deny) =>
      client.humanInLoop.resolveInterrupt({ sessionId, interruptId: "a", decision });
    const outcomes = await Promise.allSettled([by(services, approve), by(over("gRPC"), deny)]);
    const [winner] = outcomes.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const loser = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
    expect(loser).toHaveLength(1);
    expect(await refusedCall(Promise.reject(loser[0]))).toMatchObject({
      code: Code.AlreadyExists,
      reason: "INTERRUPT_DECIDED",
      metadata: { interrupt_id: "a", status: "resolved", run_id: winner?.resumedRunId },
    });
    await endedRun(services, sessionId, winner?.resumedRunId ?? "");
    expect(answersGiven(sessionId)).toHaveLength(2);
  });

  test("what cannot be taken is refused, and the interrupt stays open", async () => {
    const services = over(name);
    const responseSchema = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] };
    const past = "2001-01-01T00:00:00Z";
    const sessionId = await ask(services, "asker", [
      question("n", { responseSchema }),
      question("old", { expiresAt: past }),
    ]);
    const resolve = (interruptId: string, decision?: object, more: object = {}) =>
      refusedCall(
        services.humanInLoop.resolveInterrupt({
          sessionId,
          interruptId,
          decision: decision as never,
          ...more,
        }),
      );
    const payload = { code: Code.InvalidArgument, reason: "INVALID_INTERRUPT_PAYLOAD" };
    expect(await resolve("n", approve)).toMatchObject(payload);
    expect(await resolve("n", deny)).toMatchObject(payload);
    expect(await resolve("n", input({ n: 1.5 }))).toMatchObject({ ...payload, metadata: { path: "/n" } });
    const edited = { case: "approve", value: { editedArguments: {} } };
    expect(await resolve("old", edited)).toMatchObject({ reason: "INTERRUPT_EXPIRED" });
    expect(await resolve("old", approve)).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "INTERRUPT_EXPIRED",
      metadata: { interrupt_id: "old", expire_time: past },
    });
    expect(await resolve("no", approve)).toMatchObject({
      code: Code.NotFound,
      reason: "INTERRUPT_NOT_FOUND",
    });
    expect(await resolve("n", approve, { runId: "other" })).toMatchObject({ reason: "INTERRUPT_NOT_FOUND" });
    expect(await resolve("n", approve, { sessionId: "nobody" })).toMatchObject({
      code: Code.NotFound,
      reason: "SESSION_NOT_FOUND",
    });
    expect(await resolve("n")).toMatchObject({ code: Code.InvalidArgument, reason: "INVALID_REQUEST" });
    expect(await resolve("", approve)).toMatchObject({
      code: Code.InvalidArgument,
      reason: "INVALID_REQUEST",
    });
    const { session } = await services.sessions.getSession({ sessionId });
    expect(session?.openInterruptIds).toEqual(["n", "old"]);
    expect(answersGiven(sessionId)).toHaveLength(1);
  });
});

describe("answers", () => {
  test("name their run where several interrupts of a session have the id", async () => {
    const services = over("gRPC");
    const sessionId = await ask(services, "asker", [question("a")]);
    const { humanInLoop } = services;
    const first = await humanInLoop.resolveInterrupt({ sessionId, interruptId: "a", decision: approve });
    await endedRun(services, sessionId, first.resumedRunId);
    await ask(services, "asker", [question("a")], sessionId);
    const again = humanInLoop.resolveInterrupt({ sessionId, interruptId: "a", decision: approve });
    expect(await refusedCall(again)).toMatchObject({ code: Code.InvalidArgument, reason: "INVALID_REQUEST" });
    const runId = (await services.runs.listRuns({ sessionId, pageSize: 1 })).runs[0]?.runId ?? "";
    const second = await humanInLoop.resolveInterrupt({ sessionId, runId, interruptId: "a", decision: deny });
    expect(second.resumedRunId).not.toBe(first.resumedRunId);
  });

  test("come too late for a session that ended; what waited is shown as cancelled", async () => {
    const services = over("gRPC");
    const sessionId = await ask(services, "asker", [question("a")]);
    const leaving = new AbortController();
    const { signal } = leaving;
    const watch = services.humanInLoop.watchInterrupts({ filter: { sessionId } }, { signal });
    const stream = watch[Symbol.asyncIterator]();
    await takeItems(stream, 2);
    await services.sessions.endSession({ sessionId });
    const [changed] = await takeItems(stream, 1);
    expect(changed?.value).toMatchObject({ state: InterruptState.CANCELED, resumedRunId: "" });
    leaving.abort();
    const late = services.humanInLoop.resolveInterrupt({ sessionId, interruptId: "a", decision: approve });
    expect(await refusedCall(late)).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "SESSION_ENDED",
    });
  });

  test("wait for times that no calendar has, and every wire shows them", async () => {
    const services = over("gRPC");
    const sessionId = await ask(services, "asker", [
      question("late", { expiresAt: "99999" }),
      question("early", { expiresAt: "-000100-01-01T00:00:00Z" }),
    ]);
    for (const name of ["gRPC", "Connect JSON, HTTP/1.1", "Connect JSON in browsers"] as const) {
      const leaving = new AbortController();
      const watch = over(name).humanInLoop.watchInterrupts(
        { filter: { sessionId } },
        { signal: leaving.signal },
      );
      const items = await takeItems(watch[Symbol.asyncIterator](), 3);
      expect(items.map(({ value }) => value)).toMatchObject([
        { interrupt: { id: "early" }, state: InterruptState.EXPIRED },
        { interrupt: { id: "late" }, state: InterruptState.OPEN },
        { interruptCount: 2n },
      ]);
      leaving.abort();
    }
    const { humanInLoop } = over("Connect JSON, HTTP/1.1");
    await humanInLoop.resolveInterrupt({ sessionId, interruptId: "early", decision: cancel });
    const last = await humanInLoop.resolveInterrupt({ sessionId, interruptId: "late", decision: approve });
    await endedRun(services, sessionId, last.resumedRunId);
  });

  test("that are too large together are refused, and leave room to answer otherwise", async () => {
    const services = over("gRPC");
    const sessionId = await ask(services, "asker", [question("a"), question("b")]);
    const large = input("x".repeat(2_200_000));
    const { humanInLoop } = services;
    await humanInLoop.resolveInterrupt({ sessionId, interruptId: "a", decision: large });
    const second = humanInLoop.resolveInterrupt({ sessionId, interruptId: "b", decision: large });
    expect(await refusedCall(second)).toMatchObject({
      code: Code.ResourceExhausted,
      reason: "LIMIT_REACHED",
      metadata: { limit: "eventMaxBytes" },
    });
    const { resumedRunId } = await humanInLoop.resolveInterrupt({
      sessionId,
      interruptId: "b",
      decision: cancel,
    });
    await endedRun(services, sessionId, resumedRunId);
    expect(answersGiven(sessionId).at(-1)).toHaveLength(2);
  });

  test("that are nested too deep are refused at once", async () => {
    const services = over("gRPC");
    const sessionId = await ask(services, "asker", [question("a"), question("b")]);
    let deep: Json = 1;
    for (let depth = 0; depth < 40; depth++) deep = [deep];
    const answer = services.humanInLoop.resolveInterrupt({
      sessionId,
      interruptId: "a",
      decision: input(deep),
    });
    expect((await refusedCall(answer)).code).toBe(Code.InvalidArgument);
    const { session } = await services.sessions.getSession({ sessionId });
    expect(session?.openInterruptIds).toEqual(["a", "b"]);
  });
});

describe("the inbox", () => {
  test("tells when an interrupt expires", async () => {
    const services = over("gRPC");
    const expiresAt = new Date(Date.now() + 1_500).toISOString();
    const sessionId = await ask(services, "asker", [question("soon", { expiresAt })]);
    const leaving = new AbortController();
    const { signal } = leaving;
    const watch = services.humanInLoop.watchInterrupts({ filter: { sessionId } }, { signal });
    const items = await takeItems(watch[Symbol.asyncIterator](), 3);
    expect(items.map((item) => item.case)).toEqual(["interrupt", "caughtUp", "interrupt"]);
    expect(items[0]?.value).toMatchObject({ state: InterruptState.OPEN });
    expect(items[2]?.value).toMatchObject({ state: InterruptState.EXPIRED });
    leaving.abort();
  });

  test("shows the tool that waits, with its arguments", async () => {
    const services = over("Connect, HTTP/1.1");
    const sessionId = crypto.randomUUID();
    const messages = [{ id: "m", role: "user" as const, content: "delete all notes" }];

    const run = inputToMessage({ threadId: sessionId, runId: "r1", messages });
    for await (const _ of services.agui.runAgent({ agentId: "demo", input: run }));
    const leaving = new AbortController();
    const { signal } = leaving;
    const watch = services.humanInLoop.watchInterrupts(
      { filter: { agentId: "demo", sessionId } },
      { signal },
    );
    const [item] = await takeItems(watch[Symbol.asyncIterator](), 1);
    leaving.abort();
    expect(item?.value).toMatchObject({ toolName: "delete_notes", toolArgumentsJson: '{"which":"all"}' });
  });
});
