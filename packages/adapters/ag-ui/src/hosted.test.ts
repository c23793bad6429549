import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { BaseEvent } from "@ag-ui/client";
import { EventEncoder } from "@ag-ui/encoder";
import { type Agent, createRunPipeline, driveAgent } from "@dragoman/agent";
import type { AguiEvent, RunAgentInput } from "@dragoman/agui";
import { afterAll, beforeAll, expect, test } from "vitest";
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

const input: RunAgentInput = { threadId: "t", runId: "r", messages: [] };
const server = createServer((request, response) => {
  const encoder = new EventEncoder({ accept: request.headers.accept ?? "" });
  response.writeHead(200, { "content-type": encoder.getContentType() });
  for (const event of events) response.write(encoder.encodeBinary(event as unknown as BaseEvent));
  response.end();
});
let events: object[] = [];
let url = "";

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test("an upstream of an old dialect becomes a run of AG-UI 1.0 with the host's ids", async () => {
  events = [
    { type: "RUN_STARTED", threadId: "theirs", runId: "theirs" },
    { type: "THINKING_START" },
    { type: "THINKING_TEXT_MESSAGE_START" },
    { type: "THINKING_TEXT_MESSAGE_CONTENT", delta: "hm" },
    { type: "THINKING_TEXT_MESSAGE_END" },
    { type: "THINKING_END" },
    { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "yes" },
    { type: "RUN_FINISHED", threadId: "theirs", runId: "theirs" },
  ];
  const run = await host(createAgent({ url }), input);
  expect(run.events.map(({ type }) => type)).toEqual([
    "RUN_STARTED",
    "REASONING_START",
    "REASONING_MESSAGE_START",
    "REASONING_MESSAGE_CONTENT",
    "REASONING_MESSAGE_END",
    "REASONING_END",
    "TEXT_MESSAGE_START",
    "TEXT_MESSAGE_CONTENT",
    "TEXT_MESSAGE_END",
    "RUN_FINISHED",
  ]);
  expect(run.events.at(-1)).toMatchObject({ threadId: "t", runId: "r" });
});

test.each([false, true])("a stream without an end is a RUN_ERROR, binary %s", async (binary) => {
  events = [
    { type: "RUN_STARTED", threadId: "t", runId: "r" },
    { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" },
    { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "half" },
  ];
  const run = await host(createAgent({ url, binary }), input);
  expect(run.events.slice(-3)).toMatchObject([
    { type: "TEXT_MESSAGE_CONTENT" },
    { type: "TEXT_MESSAGE_END" },
    { type: "RUN_ERROR", code: "UPSTREAM_TRUNCATED" },
  ]);
});
