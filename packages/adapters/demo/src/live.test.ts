import { createRunPipeline, driveAgent, LiveInputs } from "@dragoman/agent";
import type { AguiEvent } from "@dragoman/agui";
import { expect, test } from "vitest";
import { createAgent } from "./index.ts";

/** A run of the demo agent that is talked to: the next thing is said when what was said before is answered. */
async function talk(first: string, ...rest: string[]) {
  const events: AguiEvent[] = [];
  const inputs = new LiveInputs();
  const stop = new AbortController();
  const waiting = [...rest];
  const emit = (event: AguiEvent) => {
    events.push(event);
    // A number of a count that is slow ends nothing: it waits until something is said.
    const isAnswered = event.type === "TEXT_MESSAGE_CONTENT" && /^\d+$/.test(event.delta);
    if (isAnswered && inputs.isRead) setImmediate(sayNext);
  };
  const sayNext = () => {
    const content = waiting.shift();
    if (content === undefined) return;
    inputs.push({ type: "message", message: { id: `m${waiting.length}`, role: "user", content } });
  };
  const pipeline = createRunPipeline({ threadId: "t", runId: "r", emit });
  pipeline.inject({ type: "RUN_STARTED", threadId: "t", runId: "r" });
  const input = { threadId: "t", runId: "r", messages: [{ id: "u", role: "user" as const, content: first }] };
  const context = { signal: stop.signal, agentId: "demo", inputs };
  await driveAgent(createAgent({ paceMs: 0 }), input, context, pipeline);
  const texts = new Map<string, string>();
  for (const event of events) {
    if (event.type !== "TEXT_MESSAGE_CONTENT") continue;
    texts.set(event.messageId, (texts.get(event.messageId) ?? "") + event.delta);
  }
  return { events, texts: [...texts.values()] };
}

test("a count is talked to while it goes on", async () => {
  const { events, texts } = await talk(
    "count to 9 every 10 s",
    "Where are you?",
    "what is 6 * 7",
    "sing me a song",
    "please stop at 5",
    "stop at 2",
  );
  expect(texts).toEqual([
    "1",
    "I am at 1 of 9.",
    "2",
    "6 * 7 = 42",
    "3",
    'I am counting, and at 3. Say "faster", "slower", "stop", "stop at 9", or ask me to calculate something.',
    "4",
    "All right, I stop at 5.",
    "5",
  ]);
  expect(events.at(-1)).toMatchObject({ type: "RUN_FINISHED", outcome: { type: "success" } });
});

test("it goes faster and slower, and stops", async () => {
  const { texts } = await talk("count to 600 every 10 s", "faster!", "slow down", "stop");
  expect(texts).toEqual(["1", "Faster.", "2", "Slower.", "3", "I stop at 3."]);
  expect((await talk("count from 7 to 9 every 10 s", "stop at 2")).texts).toEqual([
    "7",
    "I am past 2 already, so I stop at 7.",
  ]);
});
