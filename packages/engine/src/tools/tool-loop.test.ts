import type { AguiEvent } from "@dragoman/agui";
import { describe, expect, it, onTestFinished } from "vitest";
import type { EngineOptions } from "../engine.ts";
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
import type { FunctionTool, ToolCall, ToolExecutor } from "./tool.ts";

const add: FunctionTool = {
  name: "add",
  description: "adds",
  parameters: {
    type: "object",
    properties: { a: { type: "number" }, b: { type: "number" } },
    required: ["a", "b"],
    additionalProperties: false,
  },
  run: ({ a, b }) => Number(a) + Number(b),
};

const all = { namespace: "default", id: "" };

async function open(agent: Parameters<typeof engineWith>[0], options: Partial<EngineOptions> = {}) {
  const opened = await engineWith(agent, options);
  onTestFinished(() => opened.engine.close(0));
  return opened;
}

const results = (seen: Awaited<ReturnType<typeof readAll>>) =>
  seen.flatMap(({ event }) => (event.type === "TOOL_CALL_RESULT" ? [[event.toolCallId, event.content]] : []));
const said = (seen: Awaited<ReturnType<typeof readAll>>) =>
  seen.flatMap(({ event }) => (event.type === "TEXT_MESSAGE_CONTENT" ? [event.delta] : [])).join("");
const end = (seen: Awaited<ReturnType<typeof readAll>>) => seen.at(-1)?.event;

describe("a registered tool", () => {
  it("is offered, executed when the agent calls it, and answered in the same run", async () => {
    const agent = turnAgent([{ id: "c1", name: "add", args: { a: 2, b: 3 } }]);
    const { engine } = await open(agent, { functions: [add] });
    const seen = await runToEnd(engine, input("r", [user("u")]));
    expect(types(seen)).toEqual([
      "RUN_STARTED",
      "TOOL_CALL_START",
      "TOOL_CALL_ARGS",
      "TOOL_CALL_END",
      "TOOL_CALL_RESULT",
      "TEXT_MESSAGE_START",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_END",
      "RUN_FINISHED",
    ]);
    expect(seen[4]?.event).toEqual({
      type: "TOOL_CALL_RESULT",
      messageId: "c1:result",
      toolCallId: "c1",
      role: "tool",
      content: "5",
    });
    expect(said(seen)).toBe("5");
    expect(end(seen)).toMatchObject({ runId: "r", usage: [{ model: "m", inputTokens: 2 }] });
    expect(agent.inputs.map(({ tools }) => tools?.map(({ name }) => name))).toEqual([["add"], ["add"]]);
    expect(agent.inputs.map(({ runId }) => runId)).toEqual(["r", "r.2"]);
    expect(await engine.getRun(key, "r")).toMatchObject({ warningCount: 0, state: "succeeded" });
    expect(agent.inputs[1]?.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool"]);
    expect((await engine.messages(key)).messages.map(({ role }) => role)).toEqual([
      "user",
      "assistant",
      "tool",
      "assistant",
    ]);
  });

  it("is the client's where the request brings one of its name", async () => {
    const agent = turnAgent([{ id: "c1", name: "add", args: {} }]);
    const { engine } = await open(agent, { functions: [add] });
    const own = { name: "add", description: "the client's" };
    const seen = await runToEnd(engine, input("r", [user("u")], { tools: [own] }));
    expect(types(seen).slice(-2)).toEqual(["TOOL_CALL_END", "RUN_FINISHED"]);
    expect(agent.inputs).toHaveLength(1);
    expect(agent.inputs[0]?.tools).toEqual([own]);
  });

  it("of the session takes the place of one for all", async () => {
    const agent = turnAgent([{ id: "c1", name: "which" }]);
    const kinds: Record<string, ToolExecutor> = {
      one: { execute: async () => ({ content: "for all" }) },
      two: { execute: async () => ({ content: "of the session" }) },
    };
    const { engine } = await open(agent, { toolExecutors: kinds });
    await engine.createSession(key);
    await engine.tools.register(all, [toolOf("which", "one"), toolOf("other", "one")], false);
    await engine.tools.register(key, [toolOf("which", "two")], false);
    expect(said(await runToEnd(engine, input("r")))).toBe("of the session");
    expect(agent.inputs[0]?.tools?.map(({ name }) => name).sort()).toEqual(["other", "which"]);
    await engine.tools.unregister(key, ["which"]);
    const elsewhere = { ...input("r2"), threadId: "elsewhere" };
    expect(said(await runToEnd(engine, elsewhere))).toBe("for all");
  });

  it("gets only arguments that match, and the agent is told everything that is wrong with others", async () => {
    const agent = turnAgent(
      [{ id: "c1", name: "add", args: { a: "x", c: 1 } }],
      [{ id: "c2", name: "add", args: "{oops" }],
      [{ id: "c3", name: "add", args: "[1]" }],
      [{ id: "c4", name: "add", args: { a: 1, b: 1 } }],
    );
    const calls: unknown[] = [];
    const spy: FunctionTool = { ...add, run: (args) => void calls.push(args) };
    const { engine } = await open(agent, { functions: [spy] });
    const seen = await runToEnd(engine, input("r"));
    const [first, second, third, fourth] = results(seen).map(([, content]) => String(content));
    expect(first).toContain("/ must have required property 'b'");
    expect(first).toContain("/a must be number");
    expect(first).toContain('must NOT have additional properties ("c")');
    expect(second).toContain("must be JSON");
    expect(third).toContain("must be an object");
    expect(fourth).toBe("");
    expect(calls).toEqual([{ a: 1, b: 1 }]);
  });

  it("that is called with others side by side runs at the same time, as many as may", async () => {
    const calls = ["a", "b", "c", "d", "e"].map((id) => ({ id, name: "meet" }));
    let running = 0;
    let most = 0;
    const meet: FunctionTool = {
      name: "meet",
      description: "",
      async run(_, { toolCallId }) {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 20));
        running--;
        return toolCallId;
      },
    };
    const { engine } = await open(turnAgent(calls), {
      functions: [meet],
      limits: { toolCallsParallelMax: 3 },
    });
    const seen = await runToEnd(engine, input("r"));
    expect(most).toBe(3);
    expect(
      results(seen)
        .map(([, content]) => content)
        .sort(),
    ).toEqual(["a", "b", "c", "d", "e"]);
    expect(end(seen)?.type).toBe("RUN_FINISHED");
  });

  it("leaves the client's own calls open, with those that are still pending named", async () => {
    const agent = agentOf(async function* ({ threadId, runId }) {
      for (const [toolCallId, toolCallName] of [
        ["mine", "add"],
        ["yours", "paint"],
      ] as const) {
        yield { type: "TOOL_CALL_START", toolCallId, toolCallName };
        yield { type: "TOOL_CALL_ARGS", toolCallId, delta: '{"a":1,"b":2}' };
        yield { type: "TOOL_CALL_END", toolCallId };
      }
      const outcome = { type: "success" as const, pendingToolCallIds: ["mine", "yours"] };
      yield { type: "RUN_FINISHED", threadId, runId, outcome };
    });
    const { engine } = await open(agent, { functions: [add] });
    const seen = await runToEnd(engine, input("r", [], { tools: [{ name: "paint", description: "" }] }));
    expect(results(seen)).toEqual([["mine", "3"]]);
    expect(end(seen)).toMatchObject({ outcome: { type: "success", pendingToolCallIds: ["yours"] } });
  });

  it("is not executed for calls that the agent answered itself, nor where it fails or asks people", async () => {
    let count = 0;
    const spy: FunctionTool = { ...add, run: () => ++count };
    const call = { toolCallId: "c", toolCallName: "add" };
    const endings = {
      answered: [{ type: "TOOL_CALL_RESULT", messageId: "m", toolCallId: "c", content: "own" }],
      failed: [{ type: "RUN_ERROR", message: "no" }],
      asks: [
        {
          type: "RUN_FINISHED",
          threadId: "t",
          runId: "asks",
          outcome: { type: "interrupt", interrupts: [{ id: "i", reason: "approval", toolCallId: "c" }] },
        },
      ],
    };
    const agent = agentOf(async function* ({ threadId, runId }) {
      yield { type: "TOOL_CALL_START", ...call };
      yield { type: "TOOL_CALL_END", toolCallId: "c" };
      yield* endings[runId as keyof typeof endings] as AguiEvent[];
      yield { type: "RUN_FINISHED", threadId, runId };
    });
    const { engine } = await open(agent, { functions: [spy] });
    for (const runId of Object.keys(endings)) {
      const seen = await runToEnd(engine, { ...input(runId), threadId: `t-${runId}` });
      expect(results(seen).map(([, content]) => content)).toEqual(runId === "answered" ? ["own"] : []);
    }
    expect(count).toBe(0);
  });
});

describe("an agent that uses ids of calls again", () => {
  /** Calls `add` in each of its first `rounds` calls in a run, always under the same id. */
  const careless = (rounds: number, name = "add") => {
    let count = 0;
    return agentOf(async function* ({ threadId, runId }) {
      if (count++ % (rounds + 1) < rounds) {
        yield { type: "TOOL_CALL_START", toolCallId: "call_0", toolCallName: name };
        yield { type: "TOOL_CALL_ARGS", toolCallId: "call_0", delta: JSON.stringify({ a: count, b: 0 }) };
        yield { type: "TOOL_CALL_END", toolCallId: "call_0" };
      }
      yield { type: "RUN_FINISHED", threadId, runId };
    });
  };

  it("gets a result for each of them, in one run and in the next", async () => {
    const { engine } = await open(careless(2), { functions: [add] });
    const first = await runToEnd(engine, input("r", [user("u")]));
    expect(results(first).map(([, content]) => content)).toEqual(["1", "2"]);
    const second = await runToEnd(engine, input("r2", [user("v")]), { history: "append" });
    expect(results(second).map(([, content]) => content)).toEqual(["4", "5"]);
    const ids = (await engine.messages(key)).messages.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("gets those of clients too", async () => {
    const { engine } = await open(careless(1, "scan"));
    await engine.tools.register(all, [toolOf("scan", "client")], false);
    for (const runId of ["r", "r2"]) {
      const { attachment } = await engine.start(request(input(runId, [user(runId)])), attach());
      const reading = readAll(attachment);
      const answer = { toolCallId: "call_0", content: `for ${runId}` };
      while ((await engine.tools.submit(key, answer).catch(() => undefined))?.runId !== runId)
        await new Promise((resolve) => setTimeout(resolve, 5));
      expect(results(await reading)).toEqual([["call_0", `for ${runId}`]]);
    }
  });
});

describe("a tool that fails", () => {
  const failing: Record<string, ToolExecutor> = {
    throws: { execute: async () => Promise.reject(new Error("no luck")) },
    says: { execute: async () => ({ content: "details", error: "out of order" }) },
    hangs: { execute: () => new Promise(() => {}) },
    floods: { execute: async () => ({ content: "x".repeat(2_000) }) },
    odd: { execute: async () => ({ content: 5 }) as never },
    nothing: { execute: async () => undefined as never },
    halves: { execute: async () => ({ content: "half \ud83d" }) },
  };

  it.each([
    ["throws", "Error: no luck"],
    ["says", "Error: out of order\ndetails"],
    ["hangs", "Error: The tool did not answer within 30 ms."],
    ["floods", "Error: The result has 2000 bytes, more than 1000 (toolResultMaxBytes)."],
    ["odd", "Error: The tool returned no text."],
    ["nothing", "Error: The tool returned no text."],
    ["halves", "half \ufffd"],
  ])("%s is a result, and the run goes on", async (kind, told) => {
    const limits = { toolResultMaxBytes: 1_000 };
    const { engine } = await open(turnAgent([{ id: "c", name: "f" }]), { toolExecutors: failing, limits });
    await engine.tools.register(all, [toolOf("f", kind, {}, 30)], false);
    const seen = await runToEnd(engine, input("r"));
    expect(results(seen)).toEqual([["c", told]]);
    expect(said(seen)).toBe(told);
    const result = seen.find(({ event }) => event.type === "TOOL_CALL_RESULT")?.event;
    if (kind !== "halves")
      expect(result?.metadata?.["dragoman-tool-error"]).toBe(told.slice("Error: ".length).split("\n")[0]);
    expect(end(seen)?.type).toBe("RUN_FINISHED");
  });

  it("because nothing here executes its kind any more is a result too", async () => {
    const agent = turnAgent([{ id: "c", name: "f" }]);
    const first = await open(agent, { toolExecutors: failing });
    await first.engine.tools.register(all, [toolOf("f", "says")], false);
    const { engine } = await open(agent, { store: first.store });
    expect(said(await runToEnd(engine, input("r")))).toContain("executes no tools of the kind says");
  });

  it("whose result cannot be kept as an event is a failure like any other", async () => {
    const limits = { eventMaxBytes: 1_000 };
    const { engine } = await open(turnAgent([{ id: "c", name: "f" }]), { toolExecutors: failing, limits });
    await engine.tools.register(all, [toolOf("f", "floods")], false);
    const seen = await runToEnd(engine, input("r"));
    expect(said(seen)).toContain("The result cannot be kept");
    expect(end(seen)?.type).toBe("RUN_FINISHED");
  });
});

describe("the rounds of a run", () => {
  const again: ToolExecutor = { execute: async () => ({ content: "again" }) };

  it("are limited", async () => {
    const calls = Array.from({ length: 9 }, (_, index) => [{ id: `c${index}`, name: "f" }]);
    const agent = turnAgent(...calls);
    const { engine } = await open(agent, { toolExecutors: { again }, limits: { toolRoundsMax: 3 } });
    await engine.tools.register(all, [toolOf("f", "again")], false);
    const seen = await runToEnd(engine, input("r"));
    expect(end(seen)).toMatchObject({
      type: "RUN_ERROR",
      code: "LIMIT_REACHED",
      message: expect.stringContaining("toolRoundsMax"),
    });
    expect(results(seen)).toHaveLength(3);
    expect(agent.inputs).toHaveLength(4);
  });

  it("see the state as it is then", async () => {
    const agent = turnAgent([{ id: "c", name: "f" }]);
    let engine: Awaited<ReturnType<typeof open>>["engine"];
    const edits: ToolExecutor = {
      async execute() {
        await engine.states.update(key, { change: { kind: "merge", patch: { by: "tool" } } });
        return { content: "done" };
      },
    };
    ({ engine } = await open(agent, { toolExecutors: { edits } }));
    await engine.tools.register(all, [toolOf("f", "edits")], false);
    await runToEnd(engine, input("r", [], { state: { a: 1 } }));
    expect(agent.inputs.map(({ state }) => state)).toEqual([{ a: 1 }, { a: 1, by: "tool" }]);
  });

  it("end when the run is cancelled while a tool works, and the tool is told", async () => {
    let started = () => {};
    const isStarted = new Promise<void>((resolve) => {
      started = resolve;
    });
    let stopped: ToolCall | undefined;
    const slow: ToolExecutor = {
      execute: (call, _, signal) =>
        new Promise((_resolve, reject) => {
          started();
          signal.addEventListener("abort", () => {
            stopped = call;
            reject(signal.reason);
          });
        }),
    };
    const agent = turnAgent([{ id: "c", name: "f" }]);
    const { engine } = await open(agent, { toolExecutors: { slow } });
    await engine.tools.register(all, [toolOf("f", "slow")], false);
    const { attachment } = await engine.start(request(input("r")), attach());
    const reading = readAll(attachment);
    await isStarted;
    await engine.cancelRun(key, "r");
    const seen = await reading;
    expect(end(seen)).toMatchObject({ type: "RUN_FINISHED", outcome: { type: "cancelled" } });
    expect(results(seen)).toEqual([]);
    expect(stopped).toMatchObject({ toolCallId: "c", runId: "r", sessionId: "t", toolName: "f" });
    expect(agent.inputs).toHaveLength(1);
  });
});
