import type { Agent } from "@dragoman/agent";
import { openMemoryStore } from "@dragoman/event-log";
import { describe, expect, it, onTestFinished } from "vitest";
import type { EngineOptions } from "../engine.ts";
import {
  attach,
  echoAgent,
  engineWith,
  heldAgent,
  input,
  key,
  readAll,
  request,
  runToEnd,
  types,
} from "../testing/harness.ts";
import { toolOf, turnAgent } from "../testing/tool-agents.ts";
import type { FunctionTool, ToolExecutor } from "./tool.ts";
import type { ExecuteToolRequest } from "./tools.ts";

const all = { namespace: "default", id: "" };
const never = new AbortController().signal;

async function open(options: Partial<EngineOptions> = {}, agent: Agent = echoAgent()) {
  const opened = await engineWith(agent, options);
  onTestFinished(() => opened.engine.close(0));
  const execute = (more: Partial<ExecuteToolRequest> = {}, signal = never) =>
    opened.engine.tools.execute(
      { namespace: "default", sessionId: "", toolName: "add", args: { a: 1, b: 2 }, toolCallId: "", ...more },
      signal,
    );
  return { ...opened, execute };
}

/** Counts its calls. */
function counting(): FunctionTool & { calls: number } {
  const tool = {
    name: "add",
    description: "adds",
    parameters: {
      type: "object",
      properties: { a: { type: "number" }, b: { type: "number" } },
      required: ["a", "b"],
    },
    calls: 0,
    async run({ a, b }: Readonly<Record<string, unknown>>) {
      tool.calls++;
      await new Promise((resolve) => setImmediate(resolve));
      return { sum: Number(a) + Number(b) };
    },
  };
  return tool;
}

/** An executor that a test lets go, and that notes whether it was told to stop. */
function gate() {
  const started = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const executor: ToolExecutor = {
    async execute(_call, _settings, signal) {
      started.resolve();
      signal.addEventListener("abort", () => stopped.resolve());
      await opened.promise;
      return { content: "let go" };
    },
  };
  return { executor, started: started.promise, open: () => opened.resolve(), stopped: stopped.promise };
}

describe("a tool outside of sessions", () => {
  it("returns its result, and nothing is logged", async () => {
    const { engine, execute } = await open({ functions: [counting()] });
    const executed = await execute({ toolCallId: "mine" });
    expect(executed).toEqual({
      toolCallId: "mine",
      content: '{"sum":3}',
      durationMs: expect.any(Number),
      runId: "",
    });
    expect((await execute()).toolCallId).not.toBe("");
    expect(await engine.listSessions({ namespace: "default", pageSize: 0, pageToken: "" })).toMatchObject({
      items: [],
    });
  });

  it("says everything that is wrong with its arguments", async () => {
    const { execute } = await open({ functions: [counting()] });
    await expect(execute({ args: { a: "x" } })).rejects.toMatchObject({
      reason: "INVALID_TOOL_ARGUMENTS",
      metadata: { tool_name: "add" },
      problems: [
        { path: "", message: "must have required property 'b'", rule: "required" },
        { path: "/a", message: "must be number", rule: "type" },
      ],
    });
  });

  it("is refused where there is none, or a client would execute it", async () => {
    const { engine, execute } = await open();
    await expect(execute()).rejects.toMatchObject({
      reason: "TOOL_NOT_FOUND",
      metadata: { tool_name: "add" },
    });
    await engine.tools.register(all, [toolOf("add", "client")], false);
    await expect(execute()).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
  });

  it("fails, takes too long, or returns too much", async () => {
    const kinds: Record<string, ToolExecutor> = {
      fails: { execute: () => Promise.reject(new Error("no luck")) },
      hangs: { execute: () => new Promise(() => {}) },
      floods: { execute: async () => ({ content: "x".repeat(101) }) },
    };
    const { engine, execute } = await open({ toolExecutors: kinds, limits: { toolResultMaxBytes: 100 } });
    await engine.tools.register(
      all,
      Object.keys(kinds).map((name) => toolOf(name, name)),
      false,
    );
    const call = (toolName: string) => execute({ toolName, toolCallId: "id", timeoutMs: 20 });
    const metadata = { tool_call_id: "id" };
    await expect(call("fails")).rejects.toMatchObject({
      reason: "TOOL_FAILED",
      message: expect.stringContaining("no luck"),
      metadata: { ...metadata, tool_name: "fails" },
    });
    await expect(call("hangs")).rejects.toMatchObject({
      reason: "TOOL_TIMED_OUT",
      metadata: { ...metadata, timeout_ms: "20" },
    });
    await expect(call("floods")).rejects.toMatchObject({ reason: "LIMIT_REACHED", metadata });
  });

  it("is stopped when nobody waits for it any more, and takes part in the limit until then", async () => {
    const { executor, started, stopped, open: letGo } = gate();
    const { engine, execute } = await open({
      toolExecutors: { gate: executor },
      limits: { toolCallsMax: 1 },
    });
    await engine.tools.register(all, [toolOf("add", "gate")], false);
    const leaving = new AbortController();
    const running = execute({}, leaving.signal);
    await started;
    await expect(execute()).rejects.toMatchObject({
      reason: "LIMIT_REACHED",
      metadata: { limit: "toolCallsMax" },
    });
    leaving.abort();
    await expect(running).rejects.toMatchObject({ reason: "TOOL_FAILED" });
    await stopped;
    letGo();
    expect(await execute()).toMatchObject({ content: "let go" });
  });
});

describe("a tool in an idle session", () => {
  it("has a run of its own with the call and its result", async () => {
    const { engine, execute } = await open({ functions: [counting()] });
    await engine.createSession(key, {}, { kept: true });
    const executed = await execute({ sessionId: "t", toolCallId: "c" });
    const seen = await readAll(
      await engine.observeRun(key, executed.runId, attach({ mode: "beginning", after: 0 })),
    );
    expect(types(seen)).toEqual([
      "RUN_STARTED",
      "TOOL_CALL_START",
      "TOOL_CALL_ARGS",
      "TOOL_CALL_END",
      "TOOL_CALL_RESULT",
      "RUN_FINISHED",
    ]);
    expect(seen[0]?.event.metadata).toEqual({ "dragoman-origin": "tool" });
    expect(seen[2]?.event).toMatchObject({ delta: '{"a":1,"b":2}' });
    expect(seen[4]?.event).toMatchObject({ content: executed.content });
    expect(await engine.getRun(key, executed.runId)).toMatchObject({ origin: "tool", state: "succeeded" });
    const { info, activeRunId } = await engine.getSession(key);
    expect([info.runCount, activeRunId]).toEqual([0, ""]);
    expect((await engine.states.get(key)).state).toEqual({ kept: true });
  });

  it("is executed once for one id, whoever asks, whenever, also after a restart", async () => {
    const add = counting();
    const store = await openMemoryStore();
    const { engine, execute } = await open({ functions: [add], store });
    await engine.createSession(key);
    const call = { sessionId: "t", toolCallId: "c" };
    const [first, second] = await Promise.all([execute(call), execute(call)]);
    expect(second).toEqual({ ...first, durationMs: 0 });
    expect(await execute(call)).toEqual({ ...first, durationMs: 0 });
    await expect(execute({ ...call, args: { a: 1, b: 1 } })).rejects.toMatchObject({
      reason: "REQUEST_EXISTS",
      metadata: { request_id: "c" },
    });
    const again = await open({ functions: [add], store });
    expect(await again.execute(call)).toEqual({ ...first, durationMs: 0 });
    expect(add.calls).toBe(1);
  });

  it("keeps its failure as well", async () => {
    let calls = 0;
    const fails: ToolExecutor = { execute: () => Promise.reject(new Error(`no luck ${++calls}`)) };
    const { engine, execute } = await open({ toolExecutors: { fails } });
    await engine.createSession(key);
    await engine.tools.register(key, [toolOf("add", "fails")], false);
    const call = () => execute({ sessionId: "t", toolCallId: "c" });
    const failure = { reason: "TOOL_FAILED", message: expect.stringContaining("no luck 1") };
    await expect(call()).rejects.toMatchObject(failure);
    await expect(call()).rejects.toMatchObject(failure);
  });

  it("that was given up because its session ended says so when it is asked for again", async () => {
    const { executor, started } = gate();
    const { engine, execute } = await open({ toolExecutors: { gate: executor } });
    await engine.tools.register(all, [toolOf("add", "gate")], false);
    await runToEnd(engine, input("r"));
    const running = execute({ sessionId: "t", toolCallId: "c" });
    const refused = expect(running).rejects.toMatchObject({ reason: "TOOL_FAILED" });
    await started;
    await engine.endSession(key);
    await refused;
    await expect(execute({ sessionId: "t", toolCallId: "c" })).rejects.toMatchObject({
      reason: "SESSION_ENDED",
    });
  });

  it("is not executed again after a crash, because nobody knows how far it got", async () => {
    const { executor, started } = gate();
    const store = await openMemoryStore();
    const toolExecutors = { gate: executor };
    const { engine, execute } = await open({ toolExecutors, store });
    await engine.createSession(key);
    await engine.tools.register(key, [toolOf("add", "gate")], false);
    const lost = execute({ sessionId: "t", toolCallId: "c" });
    const lostCall = expect(lost).rejects.toThrow();
    await started;
    const again = await open({ toolExecutors, store });
    const last = await again.engine.getRun(key, "");
    expect(last).toMatchObject({ origin: "tool", state: "failed", errorCode: "NODE_LOST" });
    await expect(again.execute({ sessionId: "t", toolCallId: "c" })).rejects.toMatchObject({
      reason: "TOOL_FAILED",
      message: expect.stringContaining("the server stopped"),
    });
    await engine.close(0);
    await lostCall;
  });

  it("ends with its run when that is cancelled", async () => {
    const { executor, started, stopped } = gate();
    const { engine, execute } = await open({ toolExecutors: { gate: executor } });
    await engine.createSession(key);
    await engine.tools.register(key, [toolOf("add", "gate")], false);
    const running = execute({ sessionId: "t", toolCallId: "c" });
    const refused = expect(running).rejects.toMatchObject({ reason: "TOOL_FAILED" });
    await started;
    await engine.cancelRun(key, "");
    await refused;
    await stopped;
    const { messages } = await engine.messages(key);
    expect(messages.map(({ role }) => role)).toEqual(["assistant", "tool"]);
  });

  it("that a client executes is answered by one", async () => {
    const { engine, execute } = await open();
    await engine.createSession(key);
    await engine.tools.register(key, [toolOf("add", "client")], false);
    const running = execute({ sessionId: "t", toolCallId: "c" });
    const events = await engine.observeSession(key, attach({ mode: "beginning", after: 0 }), true);
    await readAll(events, 4);
    const accepted = await engine.tools.submit(key, { toolCallId: "c", content: "by hand" });
    const executed = await running;
    expect(executed).toMatchObject({ content: "by hand", runId: accepted.runId });
    expect(await execute({ sessionId: "t", toolCallId: "c" })).toEqual({ ...executed, durationMs: 0 });
    const { messages } = await engine.messages(key);
    expect(messages.filter(({ role }) => role === "tool")).toHaveLength(1);
  });

  it("is refused in a session that there is not, was ended, or has such a call", async () => {
    const { engine, execute } = await open(
      { functions: [counting()] },
      turnAgent([{ id: "made", name: "add", args: { a: 1, b: 1 } }]),
    );
    await expect(execute({ sessionId: "t" })).rejects.toMatchObject({ reason: "SESSION_NOT_FOUND" });
    await runToEnd(engine, input("r"));
    await expect(execute({ sessionId: "t", toolCallId: "made" })).rejects.toMatchObject({
      reason: "REQUEST_EXISTS",
    });
    await expect(execute({ sessionId: "t", toolName: "none" })).rejects.toMatchObject({
      reason: "TOOL_NOT_FOUND",
    });
    await engine.endSession(key);
    await expect(execute({ sessionId: "t" })).rejects.toMatchObject({ reason: "SESSION_ENDED" });
  });

  it("leaves what people are asked as it is", async () => {
    const interrupts = [{ id: "i", reason: "approval" }];
    const asks: Agent = {
      async *run({ threadId, runId }) {
        yield { type: "RUN_FINISHED", threadId, runId, outcome: { type: "interrupt", interrupts } };
      },
    };
    const { engine, execute } = await open({ functions: [counting()] }, asks);
    await runToEnd(engine, input("r"));
    expect(await execute({ sessionId: "t" })).toMatchObject({ content: '{"sum":3}' });
    expect((await engine.getSession(key)).openInterrupts).toHaveLength(1);
  });
});

describe("a tool while an agent works", () => {
  it("is part of its run, which does not wait for it and is not called again", async () => {
    const agent = heldAgent();
    const { engine, execute } = await open({ functions: [counting()] }, agent);
    const { attachment } = await engine.start(request(input("r")), attach());
    await agent.started;
    const executed = await execute({ sessionId: "t", toolCallId: "c" });
    expect(executed).toMatchObject({ runId: "r", content: '{"sum":3}' });
    agent.release();
    const seen = await readAll(attachment);
    expect(types(seen)).toEqual([
      "RUN_STARTED",
      "TEXT_MESSAGE_START",
      "TEXT_MESSAGE_CONTENT",
      "TOOL_CALL_START",
      "TOOL_CALL_ARGS",
      "TOOL_CALL_END",
      "TOOL_CALL_RESULT",
      "TEXT_MESSAGE_END",
      "RUN_FINISHED",
    ]);
    expect(seen[3]?.event.metadata).toEqual({ "dragoman-origin": "tool" });
  });

  it("may take longer than the run: its result is logged behind it", async () => {
    const { executor, started, open: letGo } = gate();
    const agent = heldAgent();
    const { engine, execute } = await open({ toolExecutors: { gate: executor } }, agent);
    await engine.tools.register(all, [toolOf("add", "gate")], false);
    const { attachment } = await engine.start(request(input("r")), attach());
    await agent.started;
    const running = execute({ sessionId: "t", toolCallId: "c" });
    await started;
    agent.release();
    expect(types(await readAll(attachment)).at(-1)).toBe("RUN_FINISHED");
    letGo();
    expect(await running).toMatchObject({ content: "let go", runId: "r" });
    expect((await engine.getRun(key, "")).origin).toBe("tool");
    const { messages } = await engine.messages(key);
    expect(messages.map(({ role }) => role)).toContain("tool");
    expect(await execute({ sessionId: "t", toolCallId: "c" })).toMatchObject({
      content: "let go",
      durationMs: 0,
    });
  });
});
