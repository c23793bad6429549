import type { AgentOutput } from "@dragoman/agent";
import type { Json, RunAgentInput } from "@dragoman/agui";
import { describe, expect, test } from "vitest";
import { createAgent, ScriptError } from "./index.ts";

const input = (forwardedProps: Json): RunAgentInput => ({
  threadId: "t",
  runId: "r",
  messages: [],
  forwardedProps,
});

async function play(forwardedProps: Json, signal = new AbortController().signal): Promise<AgentOutput[]> {
  const events: AgentOutput[] = [];
  for await (const event of createAgent().run(input(forwardedProps), { signal, agentId: "script" })) {
    events.push(event);
  }
  return events;
}

describe("script", () => {
  test("emits exactly what the script holds, also what is no event", async () => {
    const script = [
      { type: "RUN_STARTED", threadId: "x", runId: "y", extra: null },
      { type: "NOPE" },
      5,
      null,
      "x",
    ];
    expect(await play({ script })).toEqual(script);
  });

  test("an empty script emits nothing", async () => {
    expect(await play({ script: [] })).toEqual([]);
  });

  test("only the unverified agent asks to be left unchecked", () => {
    expect(createAgent().unverified).toBe(false);
    expect(createAgent({ unverified: true }).unverified).toBe(true);
  });

  test.each([
    [undefined, 'forwardedProps must be an object with "script", it is absent'],
    [[], 'forwardedProps must be an object with "script", it is an array'],
    [{}, "forwardedProps.script must be an array of AG-UI events, it is absent"],
    [{ script: {} }, "forwardedProps.script must be an array of AG-UI events, it is an object"],
    [{ script: null }, "forwardedProps.script must be an array of AG-UI events, it is null"],
    [{ script: [], delayMs: -1 }, "forwardedProps.delayMs must be a number from 0 to 60000"],
    [{ script: [], delayMs: 60_001 }, "forwardedProps.delayMs must be a number from 0 to 60000"],
    [{ script: [], delayMs: "1" }, "forwardedProps.delayMs must be a number from 0 to 60000"],
    [{ script: [], delayMs: null }, "forwardedProps.delayMs must be a number from 0 to 60000"],
  ])("forwardedProps %j are refused when the run begins", async (forwardedProps, message) => {
    const failure = play(forwardedProps);
    await expect(failure).rejects.toThrow(ScriptError);
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toMatchObject({ code: "SCRIPT_INVALID" });
  });

  test("a pause between events ends when the run is cancelled", async () => {
    const cancel = new AbortController();
    const script = [
      { type: "CUSTOM", name: "a", value: 1 },
      { type: "CUSTOM", name: "b", value: 2 },
    ];
    const events = createAgent().run(input({ script, delayMs: 60_000 }), {
      signal: cancel.signal,
      agentId: "s",
    });
    const seen: AgentOutput[] = [];
    for await (const event of events) {
      seen.push(event);
      cancel.abort();
    }
    expect(seen).toEqual([script[0]]);
  });

  test("a long script without pauses gives way to the event loop and stops when cancelled", async () => {
    const script = Array.from({ length: 100_000 }, (_, index) => ({
      type: "CUSTOM",
      name: "n",
      value: index,
    }));
    const cancel = new AbortController();
    const timer = setImmediate(() => cancel.abort());
    const events = await play({ script }, cancel.signal);
    clearImmediate(timer);
    expect(events.length).toBeGreaterThan(0);
    expect(events.length).toBeLessThan(script.length);
  });

  test("with a pause the events keep their order", async () => {
    const script = [1, 2, 3].map((value) => ({ type: "CUSTOM", name: "n", value }));
    expect(await play({ script, delayMs: 1 })).toEqual(script);
  });
});
