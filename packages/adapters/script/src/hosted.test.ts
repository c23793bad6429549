import { type Agent, createRunPipeline, driveAgent } from "@dragoman/agent";
import type { AguiEvent, RunAgentInput } from "@dragoman/agui";
import { expect, test } from "vitest";
import { createAgent } from "./index.ts";

/** The run as a host makes it of what the agent does. */
async function host(agent: Agent, input: RunAgentInput) {
  const events: AguiEvent[] = [];
  const warnings: string[] = [];
  const pipeline = createRunPipeline({
    threadId: input.threadId,
    runId: input.runId,
    emit: (event) => void events.push(event),
    verify: !agent.unverified,
    onWarning: ({ rule }) => void warnings.push(rule),
  });
  pipeline.inject({ type: "RUN_STARTED", threadId: input.threadId, runId: input.runId });
  await driveAgent(agent, input, { signal: new AbortController().signal, agentId: "a" }, pipeline);
  return { events, warnings, droppedCount: pipeline.droppedCount };
}

const started = { type: "RUN_STARTED", threadId: "mine", runId: "mine" };
const input = (forwardedProps: unknown): RunAgentInput => ({
  threadId: "t",
  runId: "r",
  messages: [],
  forwardedProps,
});

test("a verified script is checked and completed like any agent's events", async () => {
  const script = [started, { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "hi" }, { type: "NOPE" }, 5];
  const { events } = await host(createAgent(), input({ script }));
  expect(events).toMatchObject([
    { type: "RUN_STARTED", runId: "r" },
    { type: "TEXT_MESSAGE_START" },
    { type: "TEXT_MESSAGE_CONTENT" },
    { type: "TEXT_MESSAGE_END" },
    { type: "RUN_ERROR", code: "INVALID_EVENT" },
  ]);
});

test("an unverified script is delivered as it is", async () => {
  const script = [{ type: "TEXT_MESSAGE_END", messageId: "never opened" }, { type: "NOPE" }, null, started];
  expect((await host(createAgent({ unverified: true }), input({ script }))).events).toEqual(script);
});

test("a run without a script ends in RUN_ERROR that says what is missing", async () => {
  for (const unverified of [false, true]) {
    const { events } = await host(createAgent({ unverified }), input({}));
    expect(events.at(-1)).toEqual({
      type: "RUN_ERROR",
      code: "SCRIPT_INVALID",
      message: "forwardedProps.script must be an array of AG-UI events, it is absent",
    });
  }
});
