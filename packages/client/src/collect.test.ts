import type { AguiEvent } from "@dragoman/agui";
import { describe, expect, it } from "vitest";
import { collect } from "./collect.ts";
import { variedRun } from "./testing/log-host.ts";

async function* from<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

describe("collect", () => {
  it("returns what a run came to", async () => {
    const events = variedRun("t", "r");
    const collected = await collect(from(events));
    expect(collected.messages).toMatchObject([
      { id: "m-1", role: "assistant", toolCalls: [{ id: "c-1", function: { arguments: '{"q":"x"}' } }] },
      { id: "t-1", role: "tool", content: "found" },
    ]);
    expect(collected.state).toMatchObject({ items: expect.any(Array) });
    expect(collected).toMatchObject({
      outcome: { type: "success" },
      error: undefined,
      interrupts: [],
      result: undefined,
      usage: [],
      eventCount: events.length,
    });
  });

  it("takes the events of a client, and what was before", async () => {
    const events: AguiEvent[] = [
      { type: "RUN_STARTED", threadId: "t", runId: "r" },
      { type: "STATE_DELTA", delta: [{ op: "add", path: "/b", value: 2 }] },
      {
        type: "RUN_FINISHED",
        threadId: "t",
        runId: "r",
        result: [1],
        usage: [{ inputTokens: 3 }],
        outcome: { type: "interrupt", interrupts: [{ id: "i", reason: "approval" }] },
      },
    ];
    const before = [{ id: "u", role: "user", content: "hi" } as const];
    const collected = await collect(from(events.map((event) => ({ event }))), {
      messages: before,
      state: { a: 1 },
    });
    expect(collected).toMatchObject({
      messages: before,
      state: { a: 1, b: 2 },
      outcome: { type: "interrupt" },
      interrupts: [{ id: "i", reason: "approval" }],
      result: [1],
      usage: [{ inputTokens: 3 }],
    });
  });

  it("tells a failed run from one that did not end, and from the run before", async () => {
    const failure: AguiEvent = { type: "RUN_ERROR", message: "no", code: "X" };
    const run = variedRun("t", "r");
    const started: AguiEvent = { type: "RUN_STARTED", threadId: "t", runId: "r-2" };
    expect(await collect(from([failure]))).toMatchObject({ error: failure, outcome: undefined });
    expect(await collect(from([...run, started]))).toMatchObject({ error: undefined, outcome: undefined });
    expect(await collect(from([...run, started, failure]))).toMatchObject({
      error: failure,
      outcome: undefined,
    });
  });

  it("throws what the stream throws", async () => {
    async function* broken(): AsyncGenerator<AguiEvent> {
      yield { type: "RUN_STARTED", threadId: "t", runId: "r" };
      throw new Error("cut");
    }
    await expect(collect(broken())).rejects.toThrow("cut");
  });
});
