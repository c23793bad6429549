import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { type AguiEvent, createReducer, type Message, type RunAgentInput } from "@dragoman/agui";
import { type StartedProcess, startProcess } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWires, type Wire, type Wires } from "./clients.ts";
import { loadOfficialCorpus, loadOwnCorpus } from "./corpus.ts";
import { withoutMadeUpId } from "./made-up.ts";
import { plain } from "./observe.ts";
import { observeRun, type PlacedEvent, startRun } from "./readers.ts";
import type { Stream } from "./stream.ts";
import { canBeScript, canCarry } from "./wire-limits.ts";

const official = loadOfficialCorpus();
const passing = [...loadOwnCorpus().streams, ...official.streams].filter(
  (stream) => stream.expect.outcome === "completed" && canBeScript(stream),
);
const program = fileURLToPath(new URL("../../apps/server/src/main.ts", import.meta.url));

let server: StartedProcess;
let wires: Wires;
/** Counts through the wires, so that every pair of them comes up. */
let turn = 0;

beforeAll(async () => {
  const args = ["serve", "--memory", "--test-agents", "--port", "0"];
  server = await startProcess({ program, args, ready: /(http:\/\/127\.0\.0\.1:\d+)/ });
  wires = openWires(String(server.ready[1]));
});
afterAll(async () => {
  wires.close();
  await server.kill("SIGTERM");
});

if (official.leftOut !== undefined) test.skip(official.leftOut, () => {});

describe.each([{ agentId: "script" }, { agentId: "script-unverified" }])(
  "a run of $agentId, cut after every event and read on over another wire, is the run that was not cut",
  ({ agentId }) => {
    test.each(passing)("$area: $name", (stream) => cutEverywhere(stream, agentId, 0));
  },
);

describe("a run that is cut while it is being made", () => {
  const names = new Set([
    "weather-run-in-order",
    "chunks-in-lanes",
    "three-runs-on-one-stream",
    "subagents-side-by-side",
  ]);
  test.each(passing.filter(({ name }) => names.has(name)))("$area: $name", async (stream) => {
    await cutEverywhere(stream, "script", 5);
  });
});

async function cutEverywhere(stream: Stream, agentId: string, delayMs: number): Promise<void> {
  const carriers = carriersOf(stream, agentId);
  const whole = await readAll(startRun(nextOf(carriers), wires.baseUrl, agentId, inputOf(stream, delayMs)));
  expect(whole.map(({ sequence }) => sequence)).toEqual(whole.map((_, index) => index + 1));
  for (let after = 1; after < whole.length; after++) {
    const input = inputOf(stream, delayMs);
    const first = await readAll(startRun(nextOf(carriers), wires.baseUrl, agentId, input), after);
    const place = { sessionId: input.threadId, runId: input.runId, after };
    const rest = await readAll(observeRun(nextOf(carriers), wires.baseUrl, place));
    expect(rest[0]?.sequence).toBe(after + 1);
    expect(fold(stream, [...first, ...rest])).toEqual(fold(stream, whole));
  }
}

/** The wires that can carry what the agent makes of a stream: verified, it always has a binary form. */
function carriersOf(stream: Stream, agentId: string): Wire[] {
  return wires.all.filter((wire) => agentId === "script" || canCarry(wire, stream));
}

function nextOf(carriers: readonly Wire[]): Wire {
  turn++;
  return carriers[turn % carriers.length] as Wire;
}

function inputOf({ stream, input }: Stream, delayMs: number): RunAgentInput {
  return {
    threadId: `sever-${randomUUID()}`,
    runId: randomUUID(),
    messages: (input?.messages ?? []) as Message[],
    tools: [],
    context: [],
    forwardedProps: { script: stream, delayMs },
  };
}

/** Reads events to the end, or so many and then cuts the connection. */
async function readAll(
  events: AsyncIterable<PlacedEvent>,
  count = Number.POSITIVE_INFINITY,
): Promise<PlacedEvent[]> {
  const read: PlacedEvent[] = [];
  for await (const event of events) {
    read.push(event);
    if (read.length === count) break;
  }
  return read;
}

/** What a client holds after the events, and the order they came in. */
function fold({ input }: Stream, events: readonly PlacedEvent[]) {
  const reducer = createReducer({ messages: (input?.messages ?? []) as Message[] });
  for (const { event } of events) reducer.push(event);
  const { messages, state } = reducer;
  return plain({ types: events.map(typeOf), messages: messages.map(withoutMadeUpId), state });
}

function typeOf({ event }: { readonly event: AguiEvent }): string {
  return event.type;
}
