import type { Agent, LiveInput } from "@dragoman/agent";
import type { AguiEvent } from "@dragoman/agui";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Engine, EngineOptions } from "../engine.ts";
import {
  agentOf,
  attach,
  engineWith,
  input,
  key,
  readAll,
  request,
  runToEnd,
  types,
  user,
} from "../testing/harness.ts";
import { toolOf, turnAgent } from "../testing/tool-agents.ts";

const all = { namespace: "default", id: "" };
const paint = { name: "paint", description: "paints", parameters: { type: "object" } };

async function open(agent: Agent, options: Partial<EngineOptions> = {}) {
  const opened = await engineWith(agent, options);
  onTestFinished(() => opened.engine.close(0));
  return opened;
}

/** Resolves when an event that matches is in the log of the session. */
async function seenIn(engine: Engine, matches: (event: AguiEvent) => boolean): Promise<void> {
  for (let count = 1; ; count++) {
    const attachment = await engine.observeSession(key, attach({ mode: "beginning", after: 0 }), true);
    const seen = await readAll(attachment, count);
    if (seen.some(({ event }) => matches(event))) return;
  }
}

const isEndOf = (toolCallId: string) => (event: AguiEvent) =>
  event.type === "TOOL_CALL_END" && event.toolCallId === toolCallId;

async function eventsOf(engine: Engine, runId: string) {
  return readAll(await engine.observeRun(key, runId, attach({ mode: "beginning", after: 0 })));
}

describe("a registered tool that clients execute", () => {
  const agent = () => turnAgent([{ id: "c", name: "f" }]);

  async function waiting(options: Partial<EngineOptions> = {}, timeoutMs?: number) {
    const made = agent();
    const { engine, store } = await open(made, options);
    await engine.tools.register(all, [toolOf("f", "client", {}, timeoutMs)], false);
    const { attachment } = await engine.start(request(input("r", [user("u")])), attach());
    const reading = readAll(attachment);
    return { engine, store, reading, agent: made };
  }

  it("waits for the result, which goes on in the same run; the first one counts", async () => {
    const { engine, reading, agent: made } = await waiting();
    await seenIn(engine, isEndOf("c"));
    const first = await engine.tools.submit(key, { toolCallId: "c", content: "42" });
    expect(first.runId).toBe("r");
    const seen = await reading;
    expect(seen.find(({ sequence }) => sequence === first.sequence)?.event).toMatchObject({
      type: "TOOL_CALL_RESULT",
      content: "42",
    });
    expect(types(seen).at(-1)).toBe("RUN_FINISHED");
    expect(made.inputs).toHaveLength(2);
    expect(await engine.tools.submit(key, { toolCallId: "c", content: "42" })).toEqual(first);
    await expect(engine.tools.submit(key, { toolCallId: "c", content: "43" })).rejects.toMatchObject({
      reason: "TOOL_CALL_ANSWERED",
      metadata: { session_id: "t", tool_call_id: "c" },
    });
    await expect(
      engine.tools.submit(key, { toolCallId: "c", content: "42", error: "x" }),
    ).rejects.toMatchObject({
      reason: "TOOL_CALL_ANSWERED",
    });
  });

  it("takes one of many results that come at once", async () => {
    const { engine, reading } = await waiting();
    await seenIn(engine, isEndOf("c"));
    const contents = ["a", "b", "c", "d"];
    const answers = await Promise.allSettled(
      contents.map((content) => engine.tools.submit(key, { toolCallId: "c", content })),
    );
    const taken = answers.flatMap((answer, index) =>
      answer.status === "fulfilled" ? [contents[index]] : [],
    );
    expect(taken).toHaveLength(1);
    const results = (await reading).flatMap(({ event }) =>
      event.type === "TOOL_CALL_RESULT" ? [event.content] : [],
    );
    expect(results).toEqual(taken);
  });

  it("is answered before the server even waits, where a client is quick", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const inputs: number[] = [];
    const slow = agentOf(async function* ({ threadId, runId, messages }) {
      inputs.push(messages.length);
      if (inputs.length === 1) {
        yield { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "f" };
        yield { type: "TOOL_CALL_END", toolCallId: "c" };
        await held;
      }
      yield { type: "RUN_FINISHED", threadId, runId };
    });
    const { engine } = await open(slow);
    await engine.tools.register(all, [toolOf("f", "client")], false);
    const { attachment } = await engine.start(request(input("r", [user("u")])), attach());
    await seenIn(engine, isEndOf("c"));
    expect(await engine.tools.submit(key, { toolCallId: "c", content: "quick" })).toMatchObject({
      runId: "r",
    });
    release();
    expect(types(await readAll(attachment)).filter((type) => type === "TOOL_CALL_RESULT")).toHaveLength(1);
    expect(inputs).toEqual([1, 3]);
  });

  it("tells the agent when nobody answers in time, and takes nothing after that", async () => {
    const { engine, reading } = await waiting({}, 30);
    const seen = await reading;
    expect(seen.find(({ event }) => event.type === "TOOL_CALL_RESULT")?.event).toMatchObject({
      content: "Error: No client answered within 30 ms.",
    });
    await expect(engine.tools.submit(key, { toolCallId: "c", content: "late" })).rejects.toMatchObject({
      reason: "TOOL_CALL_ANSWERED",
    });
  });

  it("can fail", async () => {
    const { engine, reading } = await waiting();
    await seenIn(engine, isEndOf("c"));
    await engine.tools.submit(key, { toolCallId: "c", content: "", error: "no camera" });
    const result = (await reading).find(({ event }) => event.type === "TOOL_CALL_RESULT")?.event;
    expect(result).toMatchObject({
      content: "Error: no camera",
      metadata: { "dragoman-tool-error": "no camera" },
    });
  });

  it("takes no result that is too large", async () => {
    const { engine, reading } = await waiting({ limits: { toolResultMaxBytes: 10 } });
    await seenIn(engine, isEndOf("c"));
    await expect(
      engine.tools.submit(key, { toolCallId: "c", content: "x".repeat(11) }),
    ).rejects.toMatchObject({
      reason: "LIMIT_REACHED",
      metadata: { limit: "toolResultMaxBytes" },
    });
    await engine.tools.submit(key, { toolCallId: "c", content: "x".repeat(10) });
    await reading;
  });
});

describe("the result of a client's own tool", () => {
  const own = { tools: [paint] };

  it("begins a run that goes on with it, whole: what is written is written at once", async () => {
    const agent = turnAgent([{ id: "c", name: "paint" }]);
    const { engine } = await open(agent);
    await runToEnd(engine, input("r", [user("u")], own));
    const { runId, sequence } = await engine.tools.submit(key, { toolCallId: "c", content: "red" });
    expect(runId).not.toBe("");
    const seen = await eventsOf(engine, runId);
    expect(types(seen)).toEqual([
      "RUN_STARTED",
      "TOOL_CALL_RESULT",
      "TEXT_MESSAGE_START",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_END",
      "RUN_FINISHED",
    ]);
    expect(seen[1]).toMatchObject({ sequence, event: { toolCallId: "c", content: "red" } });
    expect(agent.inputs[1]).toMatchObject({ runId, tools: [paint] });
    expect(agent.inputs[1]?.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool"]);
    expect(await engine.tools.submit(key, { toolCallId: "c", content: "red" })).toEqual({ runId, sequence });
  });

  it("stays the first one when another client sends its own with a run", async () => {
    const agent = turnAgent([{ id: "c", name: "paint" }]);
    const { engine } = await open(agent);
    await runToEnd(engine, input("r", [user("u")], own));
    const { runId } = await engine.tools.submit(key, { toolCallId: "c", content: "red" });
    await eventsOf(engine, runId);
    const before = (await engine.messages(key)).messages;
    const mine = { id: "mine", role: "tool" as const, toolCallId: "c", content: "blue" };
    const asked = before.filter(({ role }) => role !== "tool").slice(0, 2);
    await runToEnd(engine, input("r2", [...asked, mine], own));
    const told = agent.inputs.at(-1)?.messages.flatMap((one) => (one.role === "tool" ? [one.content] : []));
    expect(told).toEqual(["red"]);
    await runToEnd(engine, input("r3", [...before, mine, user("v")], own));
    const tools = (await engine.messages(key)).messages.filter(({ role }) => role === "tool");
    expect(tools.map(({ content }) => content)).toEqual(["red"]);
  });

  it("waits for the results of the other calls", async () => {
    const agent = turnAgent([
      { id: "c1", name: "paint" },
      { id: "c2", name: "paint" },
    ]);
    const { engine } = await open(agent);
    await runToEnd(engine, input("r", [user("u")], own));
    const first = await engine.tools.submit(key, { toolCallId: "c2", content: "two" });
    expect(first).toEqual({ runId: "", sequence: expect.any(Number) });
    const runs = await engine.listRuns({ namespace: "default", sessionId: "t", pageSize: 0, pageToken: "" });
    expect(runs.items[0]).toMatchObject({ origin: "tool", state: "succeeded" });
    const { runId } = await engine.tools.submit(key, { toolCallId: "c1", content: "one" });
    await eventsOf(engine, runId);
    expect(agent.inputs).toHaveLength(2);
    const told = agent.inputs[1]?.messages.flatMap((one) => (one.role === "tool" ? [one.content] : []));
    expect(told?.sort()).toEqual(["one", "two"]);
  });

  it("is only logged with hold, after a cancelled run, and once something else was said", async () => {
    const agent = turnAgent([{ id: "c", name: "paint" }]);
    for (const how of ["hold", "said"]) {
      const { engine } = await open(agent);
      await runToEnd(engine, input("r", [user("u")], own));
      if (how === "said") await runToEnd(engine, input("r2", [user("v")], own), { history: "append" });
      const accepted = await engine.tools.submit(key, {
        toolCallId: "c",
        content: "x",
        hold: how === "hold",
      });
      expect(accepted.runId, how).toBe("");
      expect((await engine.getSession(key)).activeRunId).toBe("");
    }
    const cancelled = agentOf(async function* ({ threadId, runId }) {
      yield { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "paint" };
      yield { type: "TOOL_CALL_END", toolCallId: "c" };
      yield { type: "RUN_FINISHED", threadId, runId, outcome: { type: "cancelled" } };
    });
    const { engine } = await open(cancelled);
    await runToEnd(engine, input("r", [user("u")], own));
    expect(await engine.tools.submit(key, { toolCallId: "c", content: "x" })).toMatchObject({ runId: "" });
  });

  it("is taken in the run of the agent while that works, which is called again with it", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let calls = 0;
    const agent = agentOf(async function* ({ threadId, runId }) {
      if (++calls === 1) {
        yield { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "paint" };
        yield { type: "TOOL_CALL_END", toolCallId: "c" };
        await held;
      }
      yield { type: "RUN_FINISHED", threadId, runId };
    });
    const { engine } = await open(agent);
    const { attachment } = await engine.start(request(input("r", [user("u")], own)), attach());
    await seenIn(engine, isEndOf("c"));
    expect(await engine.tools.submit(key, { toolCallId: "c", content: "x" })).toMatchObject({ runId: "r" });
    release();
    await readAll(attachment);
    expect(calls).toBe(2);
  });

  it("reaches an agent that listens while it works, and needs no further call", async () => {
    const heard: LiveInput[] = [];
    let calls = 0;
    const live = agentOf(async function* ({ threadId, runId }, { inputs }) {
      calls++;
      yield { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "paint" };
      yield { type: "TOOL_CALL_END", toolCallId: "c" };
      for await (const one of inputs ?? []) {
        heard.push(one);
        break;
      }
      yield { type: "RUN_FINISHED", threadId, runId };
    });
    const { engine } = await open(live);
    const { attachment } = await engine.start(request(input("r", [user("u")], own)), attach());
    await seenIn(engine, isEndOf("c"));
    await engine.tools.submit(key, { toolCallId: "c", content: "red" });
    await readAll(attachment);
    expect(heard).toEqual([{ type: "tool_result", toolCallId: "c", content: "red" }]);
    expect(calls).toBe(1);
    expect((await engine.getSession(key)).activeRunId).toBe("");
  });

  it("survives the server: what was begun by it is known, and what was not answered can be", async () => {
    const agent = turnAgent([{ id: "c", name: "paint" }]);
    const { engine, store } = await open(agent);
    await runToEnd(engine, input("r", [user("u")], own));
    const again = await open(agent, { store });
    const accepted = await again.engine.tools.submit(key, { toolCallId: "c", content: "red" });
    await eventsOf(again.engine, accepted.runId);
    const third = await open(agent, { store });
    expect(await third.engine.tools.submit(key, { toolCallId: "c", content: "red" })).toEqual(accepted);
    expect(agent.inputs).toHaveLength(2);
  });
});

describe("a result that nobody waits for", () => {
  it("is refused", async () => {
    const { engine } = await open(turnAgent([{ id: "c", name: "paint" }]));
    const submit = (toolCallId: string) => engine.tools.submit(key, { toolCallId, content: "x" });
    await expect(submit("c")).rejects.toMatchObject({ reason: "SESSION_NOT_FOUND" });
    await runToEnd(engine, input("r", [user("u")], { tools: [paint] }));
    await expect(submit("other")).rejects.toMatchObject({
      reason: "TOOL_CALL_NOT_FOUND",
      metadata: { session_id: "t", tool_call_id: "other" },
    });
    await engine.endSession(key);
    await expect(submit("c")).rejects.toMatchObject({ reason: "SESSION_ENDED" });
  });

  it("because people are asked first, or the server executes it", async () => {
    const interrupts = [{ id: "i", reason: "approval", toolCallId: "c" }];
    const asks = agentOf(async function* ({ threadId, runId }) {
      yield { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "paint" };
      yield { type: "TOOL_CALL_END", toolCallId: "c" };
      yield { type: "RUN_FINISHED", threadId, runId, outcome: { type: "interrupt", interrupts } };
    });
    const asking = await open(asks);
    await runToEnd(asking.engine, input("r", [user("u")], { tools: [paint] }));
    await expect(asking.engine.tools.submit(key, { toolCallId: "c", content: "x" })).rejects.toMatchObject({
      reason: "TOOL_CALL_NOT_FOUND",
      message: expect.stringContaining("interrupt"),
    });

    let started = () => {};
    const isStarted = new Promise<void>((resolve) => {
      started = resolve;
    });
    const slow = {
      execute: (_call: unknown, _settings: unknown, signal: AbortSignal) =>
        new Promise<never>((_, reject) => {
          started();
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
    };
    const { engine } = await open(turnAgent([{ id: "c", name: "f" }]), { toolExecutors: { slow } });
    await engine.tools.register(all, [toolOf("f", "slow")], false);
    const { attachment } = await engine.start(request(input("r")), attach());
    await isStarted;
    await expect(engine.tools.submit(key, { toolCallId: "c", content: "x" })).rejects.toMatchObject({
      reason: "TOOL_CALL_NOT_FOUND",
      message: expect.stringContaining("the server executes it"),
    });
    await engine.cancelRun(key, "r");
    await readAll(attachment);
  });
});
