import { Code } from "@connectrpc/connect";
import { type RunAgentLoopStreamResponse, RunOutcome } from "@dragoman/contract/agent/v1/agent_service_pb";
import { waitUntil } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HeldAgent, startHeldAgent } from "../testing/held-agent.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, refusedCall, type Wires, wireNames } from "../testing/wires.ts";

let held: HeldAgent;
let server: TestServer;
let wires: Wires;
let all: Services;
beforeAll(async () => {
  held = await startHeldAgent();
  server = await startTestServer({ heartbeatMs: "100", agent: [`held=ag-ui:${held.url}`] });
  wires = openWires(server.url);
  all = servicesOver(wires.transport("gRPC"));
});
afterAll(async () => {
  wires.close();
  await server.close();
  await held[Symbol.asyncDispose]();
});

let count = 0;
const unique = (name: string) => `${name}-${++count}`;

const kindsOf = (items: readonly RunAgentLoopStreamResponse[]) => items.map(({ event }) => event.case);

async function readAll(stream: AsyncIterable<RunAgentLoopStreamResponse>) {
  const items: RunAgentLoopStreamResponse[] = [];
  for await (const item of stream) if (item.event.case !== "heartbeat") items.push(item);
  return items;
}

describe.each(wireNames)("over %s", (name) => {
  test("a turn answers in plain text, and goes on in the session of the place", async () => {
    const { loop } = servicesOver(wires.transport(name));
    const place = { uid: "u", surface: "test", surfaceId: unique("place") };
    const first = await loop.runAgentLoop({ message: "what is 6 * 7?", ...place });
    expect(first).toMatchObject({ outcome: RunOutcome.SUCCESS, interruptIds: [] });
    expect(first.content).toContain("42");
    expect(first.usage).toBeUndefined();
    const second = await loop.runAgentLoop({ message: "what is 1 + 1?", agentId: "demo", ...place });
    expect(second.sessionId).toBe(first.sessionId);
    expect(second.runId).not.toBe(first.runId);
  });

  test("a turn streams what the agent says and calls", async () => {
    const { loop } = servicesOver(wires.transport(name));
    const runId = unique("streamed");
    const items = await readAll(loop.runAgentLoopStream({ message: "what is 6 * 7?", runId }));
    const kinds = kindsOf(items);
    expect(kinds[0]).toBe("sessionResolved");
    expect(kinds.at(-1)).toBe("completed");
    expect(kinds.filter((kind) => kind?.startsWith("tool"))).toEqual([
      "toolCallStart",
      "toolCallComplete",
      "toolResult",
    ]);
    const answer = await loop.runAgentLoop({ message: "what is 6 * 7?", runId });
    expect(items.at(-1)?.event).toMatchObject({ case: "completed", value: answer });
    const again = await readAll(loop.runAgentLoopStream({ message: "what is 6 * 7?", runId }));
    expect(kindsOf(again)).toEqual(kinds);
    expect(again[0]?.event.value).toMatchObject({ runId, sessionId: answer.sessionId, created: false });
  });

  test("says that it is up", async () => {
    const { loop } = servicesOver(wires.transport(name));
    const { status, timestamp } = await loop.healthCheck({});
    expect(status).toBe("ok");
    expect(Math.abs(Date.now() / 1000 - Number(timestamp?.seconds))).toBeLessThan(60);
  });
});

describe("the session of a turn", () => {
  test("is a new one each time where nothing names it", async () => {
    const turns = await Promise.all([1, 2].map(() => all.loop.runAgentLoop({ message: "what is 1 + 1?" })));
    expect(new Set(turns.map(({ sessionId }) => sessionId)).size).toBe(2);
  });

  test("is that of the user, the surface and the place together", async () => {
    const place = { uid: unique("u"), surface: "s", surfaceId: "p" };
    const others = [{ uid: "v" }, { surface: "" }, { surfaceId: "q" }, { uid: "", surface: unique("u") }];
    const ids = new Set<string>();
    for (const other of [{}, ...others]) {
      const turn = await all.loop.runAgentLoop({ message: "what is 1 + 1?", ...place, ...other });
      ids.add(turn.sessionId);
    }
    expect(ids.size).toBe(5);
    const { session } = await all.sessions.getSession({ sessionId: [...ids][0] ?? "" });
    expect(session?.options?.metadata).toEqual({ uid: place.uid, surface: "s", surface_id: "p" });
  });

  test("is the named one, which is made where there is none", async () => {
    const sessionId = unique("named");
    const place = { uid: "u", surface: "s", surfaceId: unique("place") };
    const [resolved] = await readAll(
      all.loop.runAgentLoopStream({ message: "what is 1 + 1?", sessionId, ...place }),
    );
    expect(resolved?.event.value).toMatchObject({ sessionId, created: true });
    const turn = await all.loop.runAgentLoop({ message: "what is 2 + 2?", sessionId });
    expect(turn.sessionId).toBe(sessionId);
    expect((await all.loop.runAgentLoop({ message: "what is 1 + 1?", ...place })).sessionId).not.toBe(
      sessionId,
    );
  });

  test("is one for two clients that call at once for the first time", async () => {
    const place = { uid: unique("u"), surface: "s", surfaceId: "p", agentId: "held" };
    const calls = ["one", "two"].map((name) => {
      const runId = unique(name);
      return { runId, call: all.loop.runAgentLoop({ message: name, runId, ...place }) };
    });
    const refused = await Promise.race(calls.map(({ call }) => refusedCall(call)));
    expect(refused).toMatchObject({ code: Code.FailedPrecondition, reason: "RUN_ACTIVE" });
    const active = calls.find(({ runId }) => runId === refused.metadata.run_id);
    await held.called(active?.runId ?? "");
    held.finish(active?.runId ?? "", "met");
    expect(await active?.call).toMatchObject({ content: "met", sessionId: refused.metadata.session_id });
  });

  test("is a new one where the one of the place was ended; a retry still finds its run there", async () => {
    const place = { uid: unique("u"), surface: "s", surfaceId: "p" };
    const request = { message: "what is 1 + 1?", runId: "r", ...place };
    const first = await all.loop.runAgentLoop(request);
    await all.sessions.endSession({ sessionId: first.sessionId });
    const next = await all.loop.runAgentLoop({ ...request, runId: "r2" });
    expect(next.sessionId).not.toBe(first.sessionId);
    expect((await all.loop.runAgentLoop({ ...request, runId: "r3" })).sessionId).toBe(next.sessionId);
    expect(await all.loop.runAgentLoop(request)).toEqual(first);
    const named = all.loop.runAgentLoop({ ...request, runId: "r4", sessionId: first.sessionId });
    expect(await refusedCall(named)).toMatchObject({ reason: "SESSION_ENDED" });
  });
});

describe("a retry", () => {
  test("with the run id and the message gets the first answer, also at once and from another client", async () => {
    const other = servicesOver(wires.transport("Connect JSON, HTTP/1.1"));
    const runId = unique("retried");
    const request = { message: "hi", agentId: "held", runId };
    const calls = [all.loop.runAgentLoop(request), other.loop.runAgentLoop(request)];
    await held.called(runId);
    held.finish(runId, "once");
    const [one, two] = await Promise.all(calls);
    expect(two).toEqual(one);
    expect(await other.loop.runAgentLoop(request)).toEqual(one);
    expect(held.inputs.filter((input) => input.runId === runId).length).toBe(1);
  });

  test("with another message or agent is refused", async () => {
    const runId = unique("taken");
    await all.loop.runAgentLoop({ message: "what is 1 + 1?", runId });
    for (const change of [{ message: "what is 1 + 2?" }, { agentId: "held" }]) {
      const call = all.loop.runAgentLoop({ message: "what is 1 + 1?", runId, ...change });
      expect(await refusedCall(call)).toMatchObject({ code: Code.AlreadyExists, reason: "RUN_EXISTS" });
    }
  });

  test("waits again for a run that outlived its caller's deadline", async () => {
    const request = { message: "hi", agentId: "held", runId: unique("late") };
    const late = all.loop.runAgentLoop(request, { timeoutMs: 300 });
    expect(await refusedCall(late)).toMatchObject({ code: Code.DeadlineExceeded });
    const again = all.loop.runAgentLoop(request);
    await held.called(request.runId);
    held.finish(request.runId, "patience");
    expect(await again).toMatchObject({ content: "patience", outcome: RunOutcome.SUCCESS });
  });
});

describe("how a turn ends", () => {
  test("failed: a status with the session, the run and the code; in a stream an item", async () => {
    const request = {
      message: "fail with code OUT_OF_LUCK",
      runId: unique("failed"),
      sessionId: unique("s"),
    };
    const refused = await refusedCall(all.loop.runAgentLoop(request));
    expect(refused).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "RUN_FAILED",
      metadata: { session_id: request.sessionId, run_id: request.runId, code: "OUT_OF_LUCK" },
    });
    const items = await readAll(all.loop.runAgentLoopStream(request));
    expect(items.at(-1)?.event).toMatchObject({
      case: "error",
      value: { code: "OUT_OF_LUCK", message: "The run failed because it was asked to." },
    });
    expect(await refusedCall(all.loop.runAgentLoop(request)), "the same again").toEqual(refused);
  });

  test("failed, with a code that fits into no status: it still says why", async () => {
    const runId = unique("failed");
    const call = refusedCall(all.loop.runAgentLoop({ message: "hi", agentId: "held", runId }));
    await held.called(runId);
    held.emit(runId, { type: "RUN_ERROR", message: "m".repeat(10_000), code: "😀".repeat(5_000) });
    const refused = await call;
    expect(refused).toMatchObject({ reason: "RUN_FAILED", metadata: { run_id: runId } });
    expect(refused.metadata.code).toMatch(/^(😀)+…$/u);
    expect(refused.message).toContain("): mmm");
  });

  test("interrupted: with the questions; another turn is interrupted by the same ones", async () => {
    const sessionId = unique("asks");
    const asked = await all.loop.runAgentLoop({ message: "delete all notes", sessionId });
    expect(asked.outcome).toBe(RunOutcome.INTERRUPTED);
    const { session } = await all.sessions.getSession({ sessionId });
    expect(asked.interruptIds).toEqual(session?.openInterruptIds);
    expect(asked.interruptIds.length).toBe(1);
    const next = await all.loop.runAgentLoop({ message: "what is 1 + 1?", sessionId });
    expect(next).toMatchObject({
      outcome: RunOutcome.INTERRUPTED,
      interruptIds: asked.interruptIds,
      content: "",
    });
  });

  test("cancelled: with what was said", async () => {
    const request = { message: "hi", agentId: "held", runId: unique("stopped"), sessionId: unique("s") };
    const call = all.loop.runAgentLoop(request);
    await held.called(request.runId);
    const { sessionId, runId } = request;
    await all.runs.cancelRun({ sessionId, runId });
    expect(await call).toMatchObject({ outcome: RunOutcome.CANCELLED, sessionId, runId });
  });

  test("its usage is that of the run's end", async () => {
    const request = { message: "hi", agentId: "held", runId: unique("counted") };
    const call = all.loop.runAgentLoop(request);
    await held.called(request.runId);
    held.emit(request.runId, {
      type: "RUN_FINISHED",
      threadId: "any",
      runId: request.runId,
      usage: [
        { model: "small", inputTokens: 3, outputTokens: 4 },
        { model: "big", inputTokens: 10, outputTokens: 20, totalTokens: 35 },
      ],
    });
    expect((await call).usage).toMatchObject({ inputTokens: 13n, outputTokens: 24n, totalTokens: 42n });
  });
});

describe("the stream of a turn", () => {
  test("tells what happens as it does, with heartbeats in between, and leaves sub-agents and thoughts out", async () => {
    const runId = unique("told");
    const seen: string[] = [];
    const reading = (async () => {
      const items: RunAgentLoopStreamResponse[] = [];
      for await (const item of all.loop.runAgentLoopStream({ message: "hi", agentId: "held", runId })) {
        items.push(item);
        seen.push(item.event.case ?? "");
      }
      return items.filter(({ event }) => event.case !== "heartbeat");
    })();
    await held.called(runId);
    await waitUntil(() => seen.includes("heartbeat"), "a heartbeat");
    held.emit(
      runId,
      { type: "REASONING_START", messageId: "thought" },
      { type: "REASONING_END", messageId: "thought" },
      { type: "SUBAGENT_STARTED", subagentRunId: "sub", name: "sub" },
      { type: "TEXT_MESSAGE_START", messageId: "theirs", subagentRunId: "sub" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "theirs", delta: "not mine" },
      { type: "TEXT_MESSAGE_END", messageId: "theirs" },
      { type: "TOOL_CALL_START", toolCallId: "their-call", toolCallName: "hidden", subagentRunId: "sub" },
      { type: "TOOL_CALL_END", toolCallId: "their-call" },
      { type: "SUBAGENT_FINISHED", subagentRunId: "sub" },
      { type: "TOOL_CALL_START", toolCallId: "call", toolCallName: "search" },
      { type: "TOOL_CALL_ARGS", toolCallId: "call", delta: '{"q":' },
      { type: "TOOL_CALL_ARGS", toolCallId: "call", delta: "1}" },
      { type: "TOOL_CALL_END", toolCallId: "call" },
    );
    await waitUntil(() => seen.includes("toolCallComplete"), "a complete call");
    held.emit(runId, { type: "TOOL_CALL_RESULT", messageId: "result", toolCallId: "call", content: "found" });
    held.finish(runId, "mine");
    const items = (await reading).map(({ event }) => event);
    expect(items).toMatchObject([
      { case: "sessionResolved", value: { runId, created: true } },
      { case: "toolCallStart", value: { toolCallId: "call", name: "search" } },
      { case: "toolCallComplete", value: { toolCallId: "call", name: "search", argumentsJson: '{"q":1}' } },
      { case: "toolResult", value: { toolCallId: "call", content: "found" } },
      { case: "streamDelta", value: { messageId: `answer-${runId}`, text: "mine" } },
      { case: "completed", value: { content: "mine", outcome: RunOutcome.SUCCESS } },
    ]);
    expect(items[3]?.case === "toolResult" && items[3].value.duration).toBeDefined();
    const replayed = await readAll(all.loop.runAgentLoopStream({ message: "hi", agentId: "held", runId }));
    const result = replayed[3]?.event;
    expect(result?.case === "toolResult" && result.value.duration, "nobody measured it").toBeUndefined();
  });

  test("has heartbeats also while the agent does only what is left out", async () => {
    const runId = unique("thinking");
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { event } of all.loop.runAgentLoopStream({ message: "hi", agentId: "held", runId }))
        seen.push(event.case ?? "");
    })();
    await held.called(runId);
    await waitUntil(() => seen.includes("sessionResolved"), "the session");
    const thinking = setInterval(() => held.emit(runId, { type: "CUSTOM", name: "thought", value: 1 }), 20);
    await waitUntil(() => seen.includes("heartbeat"), "a heartbeat").finally(() => clearInterval(thinking));
    held.finish(runId);
    await reading;
  });

  test("takes the times of the agent where it gives them", async () => {
    const runId = unique("timed");
    const request = { message: "hi", agentId: "held", runId };
    const reading = readAll(all.loop.runAgentLoopStream(request));
    await held.called(runId);
    held.emit(
      runId,
      { type: "TOOL_CALL_START", toolCallId: "call", toolCallName: "search" },
      { type: "TOOL_CALL_END", toolCallId: "call", timestamp: 10_000 },
      { type: "TOOL_CALL_RESULT", messageId: "m", toolCallId: "call", content: "", timestamp: 11_500 },
    );
    held.finish(runId);
    for (const items of [await reading, await readAll(all.loop.runAgentLoopStream(request))]) {
      const result = items.map(({ event }) => event).find((event) => event.case === "toolResult");
      expect(result?.value).toMatchObject({ duration: { seconds: 1n, nanos: 500_000_000 } });
    }
  });

  test("is refused before its first item where the turn cannot begin", async () => {
    const stream = all.loop.runAgentLoopStream({ message: "hi", agentId: "nobody" });
    expect(await refusedCall(stream)).toMatchObject({ code: Code.NotFound, reason: "AGENT_NOT_FOUND" });
  });
});

describe("what is too long for one message", () => {
  const mebibyte = "x".repeat(1 << 20);
  const limit = { code: Code.ResourceExhausted, reason: "LIMIT_REACHED" };

  test("the answer: the call says so, the stream has its pieces, and the run is as it was", async () => {
    const request = { message: "hi", agentId: "held", runId: unique("long"), sessionId: unique("s") };
    const call = refusedCall(all.loop.runAgentLoop(request));
    await held.called(request.runId);
    held.emit(request.runId, { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" });
    for (let index = 0; index < 4; index++)
      held.emit(request.runId, { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: mebibyte });
    held.emit(
      request.runId,
      { type: "TEXT_MESSAGE_END", messageId: "m" },
      { type: "RUN_FINISHED", threadId: "any", runId: request.runId },
    );
    expect(await call).toMatchObject({ ...limit, metadata: { limit: "answerMaxBytes" } });
    let length = 0;
    const reading = (async () => {
      for await (const { event } of all.loop.runAgentLoopStream(request))
        if (event.case === "streamDelta") length += event.value.text.length;
    })();
    expect(await refusedCall(reading)).toMatchObject(limit);
    expect(length).toBe(4 << 20);
    const { sessionId, runId } = request;
    expect((await all.runs.getRun({ sessionId, runId })).run?.errorCode).toBe("");
  });

  test("the arguments of a tool call: they end the stream, not the turn", async () => {
    const request = { message: "hi", agentId: "held", runId: unique("long") };
    const reading = refusedCall(all.loop.runAgentLoopStream(request));
    await held.called(request.runId);
    held.emit(request.runId, { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "t" });
    for (let index = 0; index < 4; index++)
      held.emit(request.runId, { type: "TOOL_CALL_ARGS", toolCallId: "c", delta: mebibyte });
    expect(await reading).toMatchObject(limit);
    held.emit(request.runId, { type: "TOOL_CALL_END", toolCallId: "c" });
    held.finish(request.runId, "done");
    expect(await all.loop.runAgentLoop(request)).toMatchObject({ content: "done" });
  });
});

describe("a request that is refused leaves no trace", () => {
  test.each([
    [{ message: "" }, Code.InvalidArgument],
    [{ message: "hi", uid: "x".repeat(257) }, Code.InvalidArgument],
    [{ message: "hi", agentId: "nobody", uid: "u", surface: "s", surfaceId: "traceless" }, Code.NotFound],
  ])("%j", async (request, code) => {
    const before = (await all.sessions.listSessions({ pageSize: 1_000 })).sessions.length;
    expect(await refusedCall(all.loop.runAgentLoop(request))).toMatchObject({ code });
    expect((await all.sessions.listSessions({ pageSize: 1_000 })).sessions.length).toBe(before);
  });
});
