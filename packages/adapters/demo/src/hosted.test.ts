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

const input = (content: string): RunAgentInput => ({
  threadId: "t",
  runId: "r",
  messages: [{ id: "1", role: "user", content }],
});

test.each([
  "help",
  "what is 2 + 2",
  "convert 3 km to miles",
  "what time is it",
  "add milk",
  "delete all notes",
  "research tea",
  "plan a party",
  "is 97 prime",
  "count to 12",
  "tell me a story",
  "fail",
])("a host has nothing to repair in %j", async (text) => {
  const { events, warnings, droppedCount } = await host(createAgent({ paceMs: 0 }), input(text));
  expect(warnings).toEqual([]);
  expect(droppedCount).toBe(0);
  expect(["RUN_FINISHED", "RUN_ERROR"]).toContain(events.at(-1)?.type);
  const errors = events.flatMap((event) => (event.type === "RUN_ERROR" ? [event.code] : []));
  expect(errors).toEqual(text === "fail" ? ["DEMO_FAILURE"] : []);
});
