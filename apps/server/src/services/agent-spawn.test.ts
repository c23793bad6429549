import { Code } from "@connectrpc/connect";
import { RunOutcome } from "@dragoman/contract/agent/v1/agent_service_pb";
import { RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import { createTempFolder, waitUntil } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startChildServer } from "../testing/child-server.ts";
import { type HeldAgent, startHeldAgent } from "../testing/held-agent.ts";
import { parseSse, readLog, type SseEvent } from "../testing/http.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { forms, StockAgent, typesOf } from "../testing/stock-agent.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, refusedCall, type Wires, wireNames } from "../testing/wires.ts";

let held: HeldAgent;
let server: TestServer;
let wires: Wires;
let all: Services;
beforeAll(async () => {
  held = await startHeldAgent();
  server = await startTestServer({ agent: [`held=ag-ui:${held.url}`] });
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

/** Starts a run that waits. */
async function startParent({ loop }: Services, sessionId: string, runId: string) {
  const answer = loop.runAgentLoop({ message: "hi", agentId: "held", sessionId, runId });
  answer.catch(() => {});
  await held.called(runId);
  return { answer };
}

/** The events of an active run as they are now. */
async function shown(url: string, sessionId: string): Promise<readonly SseEvent[]> {
  const stop = new AbortController();
  const response = await fetch(`${url}/sessions/${sessionId}/events?mode=beginning`, { signal: stop.signal });
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const events = parseSse(text.slice(0, text.lastIndexOf("\n\n") + 2));
      if (events.some(({ event }) => event.type === "SUBAGENT_STARTED")) return events;
    }
    return parseSse(text);
  } finally {
    stop.abort();
  }
}

const subagentEvents = (events: readonly SseEvent[]) =>
  events.map(({ event }) => event).filter(({ type }) => type.startsWith("SUBAGENT_"));

describe.each(wireNames)("over %s", (name) => {
  test("a task is done by a sub-agent, which the parent shows", async () => {
    const services = servicesOver(wires.transport(name));
    const [parentSessionId, parentRunId, taskId] = [unique("session"), unique("parent"), unique("task")];
    const parent = await startParent(services, parentSessionId, parentRunId);
    const request = { targetAgentId: "demo", task: "what is 6 * 7?", parentSessionId, parentRunId, taskId };
    const done = await services.loop.spawnAgent({ ...request, parentAgentId: "held", uid: "u" });
    expect(done).toMatchObject({ taskId, targetAgentId: "demo", outcome: RunOutcome.SUCCESS });
    expect(done.content).toContain("42");
    expect(done.duration).toBeDefined();
    const { session } = await services.sessions.getSession({ sessionId: done.sessionId });
    expect(session).toMatchObject({ parentSessionId, parentRunId, spawnDepth: 1 });
    const { run } = await services.runs.getRun({ sessionId: done.sessionId, runId: taskId });
    expect(run).toMatchObject({ state: RunState.SUCCEEDED, parentRunId });
    held.finish(parentRunId);
    await parent.answer;
    expect(await services.loop.spawnAgent(request), "a retry, after the parent ended").toEqual(done);
    const [started, ...rest] = subagentEvents(await readLog(server.url, parentSessionId));
    expect(started).toMatchObject({ type: "SUBAGENT_STARTED", subagentRunId: taskId, name: "demo" });
    const outcome = { type: "success" };
    expect(rest).toEqual([{ type: "SUBAGENT_FINISHED", subagentRunId: taskId, outcome }]);
  });
});

describe("SpawnAgent", () => {
  test("without a parent is a run in a session of its own", async () => {
    const request = { targetAgentId: "demo", task: "what is 6 * 7?", taskId: unique("task"), uid: "u" };
    const both = await Promise.all([1, 2].map(() => all.loop.spawnAgent(request)));
    expect(both[1]).toEqual(both[0]);
    const other = await all.loop.spawnAgent({ ...request, uid: "v" });
    expect(other.sessionId).not.toBe(both[0]?.sessionId);
    const unnamed = await all.loop.spawnAgent({ targetAgentId: "demo", task: "what is 6 * 7?" });
    expect(unnamed.taskId).not.toBe("");
    const { session } = await all.sessions.getSession({ sessionId: unnamed.sessionId });
    expect(session).toMatchObject({ parentSessionId: "", parentRunId: "", spawnDepth: 0 });
  });

  test("counts how deep it is: the ninth is too deep", async () => {
    const root = { sessionId: unique("root"), runId: unique("r") };
    await startParent(all, root.sessionId, root.runId);
    let parent = root;
    for (let depth = 1; depth <= 8; depth++) {
      const taskId = unique("deep");
      const spawned = all.loop.spawnAgent({
        targetAgentId: "held",
        task: "hold",
        taskId,
        parentSessionId: parent.sessionId,
        parentRunId: parent.runId,
      });
      spawned.catch(() => {});
      await held.called(taskId);
      const input = held.inputs.find(({ runId }) => runId === taskId);
      parent = { sessionId: input?.threadId ?? "", runId: taskId };
    }
    const { sessionId: parentSessionId, runId: parentRunId } = parent;
    const ninth = all.loop.spawnAgent({ targetAgentId: "demo", task: "x", parentSessionId, parentRunId });
    expect(await refusedCall(ninth)).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "SPAWN_TOO_DEEP",
      metadata: { depth: "9", limit: "8" },
    });
    await all.runs.cancelRun({ ...root });
    await waitUntil(async () => {
      const { run } = await all.runs.getRun({ sessionId: parentSessionId, runId: parentRunId });
      return run?.state === RunState.CANCELED;
    }, "the deepest to be cancelled");
  });

  test("answers as cancelled when its parent is cancelled", async () => {
    const [parentSessionId, parentRunId, taskId] = [unique("session"), unique("parent"), unique("task")];
    await startParent(all, parentSessionId, parentRunId);
    // Without a run, it is the active one.
    const spawned = all.loop.spawnAgent({ targetAgentId: "held", task: "hold", taskId, parentSessionId });
    await held.called(taskId);
    await all.runs.cancelRun({ sessionId: parentSessionId });
    expect(await spawned).toMatchObject({ outcome: RunOutcome.CANCELLED, content: "" });
    const events = subagentEvents(await readLog(server.url, parentSessionId));
    expect(events.map(({ type }) => type)).toEqual(["SUBAGENT_STARTED", "SUBAGENT_ERROR"]);
  });

  test("goes on when its caller's deadline passes", async () => {
    const request = { targetAgentId: "held", task: "hold", taskId: unique("task") };
    const late = all.loop.spawnAgent(request, { timeoutMs: 300 });
    expect(await refusedCall(late)).toMatchObject({ code: Code.DeadlineExceeded });
    await held.called(request.taskId);
    held.finish(request.taskId, "at last");
    expect(await all.loop.spawnAgent(request)).toMatchObject({ content: "at last" });
  });

  test("asks people in its own session", async () => {
    const asked = await all.loop.spawnAgent({ targetAgentId: "demo", task: "delete all notes" });
    expect(asked.outcome).toBe(RunOutcome.INTERRUPTED);
    const { session } = await all.sessions.getSession({ sessionId: asked.sessionId });
    expect(asked.interruptIds).toEqual(session?.openInterruptIds);
  });

  test("is refused for what is not there, not active, or not the same", async () => {
    const [parentSessionId, parentRunId] = [unique("session"), unique("parent")];
    const parent = await startParent(all, parentSessionId, parentRunId);
    const task = { targetAgentId: "demo", task: "what is 1 + 1?", parentSessionId, parentRunId };
    await all.loop.spawnAgent({ ...task, taskId: "known" });
    const refused = (change: object) => refusedCall(all.loop.spawnAgent({ ...task, ...change }));
    expect(await refused({ targetAgentId: "nobody" })).toMatchObject({ reason: "AGENT_NOT_FOUND" });
    expect(await refused({ parentSessionId: "nowhere" })).toMatchObject({ reason: "SESSION_NOT_FOUND" });
    expect(await refused({ parentRunId: "never" })).toMatchObject({ reason: "RUN_NOT_FOUND" });
    expect(await refused({ parentSessionId: "" })).toMatchObject({
      code: Code.InvalidArgument,
      reason: "INVALID_REQUEST",
    });
    expect(await refused({ taskId: "known", task: "another" })).toMatchObject({
      code: Code.AlreadyExists,
      reason: "RUN_EXISTS",
    });
    expect(await refused({ task: "fail with code OUT_OF_LUCK", taskId: "failing" })).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "RUN_FAILED",
      metadata: { run_id: "failing", code: "OUT_OF_LUCK" },
    });
    expect(await refused({ task: "" })).toMatchObject({ code: Code.InvalidArgument });
    held.finish(parentRunId);
    await parent.answer;
    expect(await refused({ taskId: "new" })).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "RUN_ENDED",
      metadata: { session_id: parentSessionId, run_id: parentRunId },
    });
  });
});

test.each(forms)("the stock client takes a run that delegates, asking for %s", async (form) => {
  const [parentSessionId, parentRunId] = [unique("session"), unique("parent")];
  const agent = new StockAgent(server.url, { agentId: "held", threadId: parentSessionId, form });
  const watched = agent.say("hi", { runId: parentRunId });
  await held.called(parentRunId);
  const parent = { parentSessionId, parentRunId };
  await all.loop.spawnAgent({ ...parent, targetAgentId: "demo", task: "what is 6 * 7?" });
  const failing = { ...parent, targetAgentId: "demo", task: "fail with code OUT_OF_LUCK" };
  expect(await refusedCall(all.loop.spawnAgent(failing))).toMatchObject({ reason: "RUN_FAILED" });
  const left = all.loop.spawnAgent({
    ...parent,
    targetAgentId: "held",
    task: "hold",
    taskId: unique("left"),
  });
  await held.called(`left-${count}`);
  held.finish(parentRunId);
  const { events, error } = await watched;
  expect(error).toBeUndefined();
  expect(typesOf(events).filter((type) => type.startsWith("SUBAGENT_"))).toEqual([
    "SUBAGENT_STARTED",
    "SUBAGENT_FINISHED",
    "SUBAGENT_STARTED",
    "SUBAGENT_ERROR",
    "SUBAGENT_STARTED",
    "SUBAGENT_ERROR",
  ]);
  expect(typesOf(events).at(-1)).toBe("RUN_FINISHED");
  expect(await left).toMatchObject({ outcome: RunOutcome.CANCELLED });
});

describe("kill -9", () => {
  test("ends the parent and its sub-agent, and a retry is told so", { timeout: 60_000 }, async () => {
    const folder = await createTempFolder();
    const args = ["--data", folder.path, "--agent", `held=ag-ui:${held.url}`];
    const place = { uid: "u", surface: "s", surfaceId: "p" };
    const turn = { message: "hi", agentId: "held", runId: unique("parent"), ...place };
    const done = { message: "what is 6 * 7?", runId: unique("done"), uid: "other" };
    const taskId = unique("task");
    const before = await startChildServer(args);
    const old = openWires(before.url);
    const { loop } = servicesOver(old.transport("gRPC"));
    const answered = await loop.runAgentLoop(done);
    loop.runAgentLoop(turn).catch(() => {});
    await held.called(turn.runId);
    const parentSessionId = held.inputs.find(({ runId }) => runId === turn.runId)?.threadId ?? "";
    const task = { targetAgentId: "held", task: "hold", taskId, parentSessionId, parentRunId: turn.runId };
    loop.spawnAgent(task).catch(() => {});
    await held.called(taskId);
    expect(subagentEvents(await shown(before.url, parentSessionId)).length).toBe(1);
    await before[Symbol.asyncDispose]();
    old.close();

    await using after = await startChildServer(args);
    const now = openWires(after.url);
    const again = servicesOver(now.transport("Connect, HTTP/2"));
    const lost = { reason: "RUN_FAILED", metadata: { code: "NODE_LOST" } };
    expect(await refusedCall(again.loop.runAgentLoop(turn))).toMatchObject(lost);
    expect(await refusedCall(again.loop.spawnAgent(task))).toMatchObject(lost);
    expect(await again.loop.runAgentLoop(done)).toEqual(answered);
    const types = (await readLog(after.url, parentSessionId)).map(({ event }) => event.type);
    expect(types).toEqual(["RUN_STARTED", "SUBAGENT_STARTED", "SUBAGENT_ERROR", "RUN_ERROR"]);
    const next = await again.loop.runAgentLoop({ message: "what is 1 + 1?", ...place });
    expect(next.sessionId, "the place is remembered").toBe(parentSessionId);
    now.close();
    await after[Symbol.asyncDispose]();
    await folder.remove();
  });
});
