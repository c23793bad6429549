import type { AguiEvent, RunAgentInput } from "@dragoman/agui";
import { waitUntil, withTimeout } from "@dragoman/testing";
import { describe, expect, it } from "vitest";
import type { Agent, AgentOutput } from "./agent.ts";
import { driveAgent } from "./drive-agent.ts";
import { createRunPipeline } from "./pipeline.ts";

const input: RunAgentInput = { threadId: "t", runId: "r", messages: [] };
const finished: AguiEvent = { type: "RUN_FINISHED", threadId: "t", runId: "r" };
const custom = (value: number): AguiEvent => ({ type: "CUSTOM", name: "n", value });

function drive(run: Agent["run"], options: { backpressure?: () => Promise<void> | undefined } = {}) {
  const events: AguiEvent[] = [];
  const abort = new AbortController();
  const pipeline = createRunPipeline({ threadId: "t", runId: "r", emit: (event) => events.push(event) });
  pipeline.inject({ type: "RUN_STARTED", threadId: "t", runId: "r" });
  events.length = 0;
  const done = driveAgent({ run }, input, { signal: abort.signal, agentId: "a" }, pipeline, options);
  return { events, abort, pipeline, done: withTimeout(done, "the run") };
}

describe("driveAgent", () => {
  it("runs an agent to its terminal event and lets it clean up", async () => {
    let isClean = false;
    let isLate = false;
    const { done, events } = drive(async function* () {
      try {
        yield custom(1);
        yield finished;
        isLate = true;
      } finally {
        isClean = true;
      }
    });
    await done;
    expect(events).toEqual([custom(1), finished]);
    await waitUntil(() => isClean, "the clean-up");
    expect(isLate).toBe(false);
  });

  it("gives the agent its input and context", async () => {
    const seen: unknown[] = [];
    const { done } = drive(async function* (...given) {
      seen.push(...given);
      yield finished;
    });
    await done;
    expect(seen).toEqual([input, { signal: expect.any(AbortSignal), agentId: "a" }]);
  });

  it("ends a run that its agent leaves open, or throws out of", async () => {
    const open = drive(async function* () {
      yield custom(1);
    });
    await open.done;
    expect(open.events).toMatchObject([custom(1), { code: "MISSING_TERMINAL" }]);
    const failing = drive(async function* () {
      yield custom(1);
      throw new Error("no luck");
    });
    await failing.done;
    expect(failing.events).toMatchObject([custom(1), { code: "AGENT_ERROR", message: "no luck" }]);
  });

  it.each([
    [
      "throws at once",
      () => {
        throw new Error("not today");
      },
      "not today",
    ],
    ["returns nothing", () => undefined, "no events"],
    ["returns a list", () => [finished], "no events"],
    ["returns a promise", async () => {}, "no events"],
  ])("ends a run whose agent %s", async (_, run, message) => {
    const { done, events } = drive(run as unknown as Agent["run"]);
    await done;
    expect(events).toMatchObject([
      { type: "RUN_ERROR", code: "AGENT_ERROR", message: expect.stringContaining(message) },
    ]);
  });

  it("cancels at once, whether or not the agent cares", async () => {
    let isAborted = false;
    const { done, events, abort } = drive(async function* (_, { signal }) {
      signal.addEventListener("abort", () => {
        isAborted = true;
      });
      yield { type: "STEP_STARTED", stepName: "s" };
      await new Promise(() => {});
    });
    await waitUntil(() => events.length === 1, "the first event");
    abort.abort();
    await done;
    expect(isAborted).toBe(true);
    expect(events.slice(1)).toEqual([
      { type: "STEP_FINISHED", stepName: "s" },
      { ...finished, outcome: { type: "cancelled" } },
    ]);
  });

  it("does not call an agent whose run was cancelled before", async () => {
    const pipeline = createRunPipeline({ threadId: "t", runId: "r", emit: () => {} });
    pipeline.inject({ type: "RUN_STARTED", threadId: "t", runId: "r" });
    let isCalled = false;
    const agent: Agent = {
      async *run(): AsyncGenerator<AgentOutput> {
        isCalled = true;
        yield finished;
      },
    };
    await driveAgent(agent, input, { signal: AbortSignal.abort(), agentId: "a" }, pipeline);
    expect(isCalled).toBe(false);
    expect(pipeline.isEnded).toBe(true);
  });

  it("drops what an agent yields or throws after the cancel", async () => {
    let goOn: (() => void) | undefined;
    const { done, events, abort, pipeline } = drive(async function* () {
      yield custom(1);
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      throw new Error("late");
    });
    await waitUntil(() => goOn, "the wait");
    abort.abort();
    await done;
    const before = [...events];
    goOn?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(events).toEqual(before);
    expect(pipeline.droppedCount).toBe(0);
  });

  it("holds an agent back", async () => {
    let release: (() => void) | undefined;
    let produced = 0;
    const { done } = drive(
      async function* () {
        for (; produced < 10; produced += 1) yield custom(produced);
        yield finished;
      },
      {
        backpressure: () =>
          produced === 4
            ? new Promise<void>((resolve) => {
                release = resolve;
              })
            : undefined,
      },
    );
    await waitUntil(() => release, "the hold");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(produced).toBe(4);
    release?.();
    await done;
    expect(produced).toBe(10);
  });

  it("rejects with what the host's own side throws, and stops the agent", async () => {
    let isClean = false;
    const agent: Agent = {
      async *run(): AsyncGenerator<AgentOutput> {
        try {
          yield custom(1);
        } finally {
          isClean = true;
        }
      },
    };
    const pipeline = createRunPipeline({
      threadId: "t",
      runId: "r",
      emit: (event) => {
        if (event.type === "CUSTOM") throw new Error("the store is full");
      },
    });
    pipeline.inject({ type: "RUN_STARTED", threadId: "t", runId: "r" });
    const context = { signal: new AbortController().signal, agentId: "a" };
    await expect(driveAgent(agent, input, context, pipeline)).rejects.toThrow("the store is full");
    await waitUntil(() => isClean, "the clean-up");
  });
});
