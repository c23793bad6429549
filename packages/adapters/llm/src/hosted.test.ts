import { type Agent, createRunPipeline, driveAgent } from "@dragoman/agent";
import type { AguiEvent, RunAgentInput } from "@dragoman/agui";
import { expect, test } from "vitest";
import { createAgent } from "./index.ts";
import { call, chunks, delta, finish, startEndpoint, text, usage } from "./testing/fake-endpoint.ts";
import { inputOf, optionsOf } from "./testing/run-agent.ts";

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

test("a host has nothing to repair in a run with thoughts, tools and text", async () => {
  const tools = [{ name: "t", description: "", execute: () => ({ ok: true }) }];
  await using endpoint = await startEndpoint(
    chunks(
      delta({ reasoning: "hm" }),
      text("wait"),
      call(0, { id: "a", name: "t", args: "{}" }),
      call(1, { id: "b", name: "t", args: "{}" }),
      finish("tool_calls"),
    ),
    chunks(text("done"), finish(), usage(1, 2)),
  );
  const { events, warnings, droppedCount } = await host(
    createAgent(optionsOf(endpoint.baseURL, { tools })),
    inputOf("hi"),
  );
  expect(warnings).toEqual([]);
  expect(droppedCount).toBe(0);
  expect(events.at(-1)).toMatchObject({ type: "RUN_FINISHED", usage: [{ outputTokens: 2 }] });
});

test("a failure in the middle closes what is open and says why", async () => {
  await using endpoint = await startEndpoint(chunks(text("half"), finish("length")));
  const { events } = await host(createAgent(optionsOf(endpoint.baseURL)), inputOf("hi"));
  expect(events.slice(-2)).toMatchObject([
    { type: "TEXT_MESSAGE_END" },
    { type: "RUN_ERROR", code: "LLM_OUTPUT_LIMIT" },
  ]);
});
