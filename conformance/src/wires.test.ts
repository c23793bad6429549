import { fileURLToPath } from "node:url";
import { type StartedProcess, startProcess } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { agentsOver, openWires, type Wire, type Wires } from "./clients.ts";
import { loadOfficialCorpus, loadOwnCorpus } from "./corpus.ts";
import { deriveServerExpectation } from "./derive-server.ts";
import { checkExpectation, checkServer } from "./expect.ts";
import { inProcessAgent, observe } from "./observe.ts";
import type { Observation, RawEvent, Stream } from "./stream.ts";
import { canBeScript, canCarry } from "./wire-limits.ts";

const official = loadOfficialCorpus();
const all = [...loadOwnCorpus().streams, ...official.streams];
const streams = all.filter(canBeScript);
const program = fileURLToPath(new URL("../../apps/server/src/main.ts", import.meta.url));

let server: StartedProcess;
let wires: Wires;

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

test("two streams are left out, because no client can send them to the test agents", () => {
  const left = all.filter((stream) => !canBeScript(stream)).map(({ name }) => name);
  expect(left).toEqual(["emoji-split-across-deltas", "state-nested-too-deep"]);
});

// What the wires can do is known before there is a server.
describe.each(openWires("http://127.0.0.1").all)("$name", (kind) => {
  const carried = streams.filter((stream) => canCarry(kind, stream));

  describe("without verification, the client's own verdict", () => {
    test.each(carried)("$area: $name", async (stream) => {
      const observed = await run(kind, "script-unverified", stream);
      expect(checkExpectation(stream.expect, observed).join("\n")).toBe("");
    });
  });

  test.runIf(kind.transport !== undefined)(
    "ends in an error where an event has only a JSON form",
    async () => {
      const stream = all.find(({ name }) => name === "events-of-the-future") as Stream;
      const { outcome, error } = await run(kind, "script-unverified", stream);
      expect(outcome).toBe("failed");
      expect(error).toContain("has no binary form");
    },
  );

  describe("with verification, what the server makes of it", () => {
    test.each(streams)("$area: $name", async (stream) => {
      const observed = await run(kind, "script", stream);
      expect(observed.outcome, observed.error).toBe("completed");
      const expected = stream.server ?? (await deriveServerExpectation(stream));
      expect(checkServer(expected, observed.events).join("\n")).toBe("");
      if (expected.terminal === "RUN_ERROR" && !hasOwnError(stream)) await expectAllClosed(observed.events);
    });
  });
});

/** Runs a stream by a test agent of the server and a client on one wire. */
function run({ name }: Wire, agentId: string, stream: Stream): Promise<Observation> {
  const wire = wires.all.find((candidate) => candidate.name === name);
  if (wire === undefined) throw new Error(`there is no wire ${name}`);
  const forwardedProps = { script: stream.stream };
  return observe(stream, agentsOver(wire, wires.baseUrl, agentId, stream), { forwardedProps });
}

/** Whether the agent says itself that the run failed; then nobody has to close what is open. */
function hasOwnError({ stream }: Stream): boolean {
  return stream.some(({ type }) => type === "RUN_ERROR");
}

/** The stock client takes RUN_FINISHED only if nothing is open; so it tells whether the server closed everything. */
async function expectAllClosed(events: readonly RawEvent[]): Promise<void> {
  const end: RawEvent = { type: "RUN_FINISHED", threadId: events[0]?.threadId, runId: events[0]?.runId };
  const stream: Stream = {
    name: "",
    area: "",
    description: "",
    expect: {},
    stream: [...events.slice(0, -1), end],
  };
  const { outcome, error } = await observe(stream, inProcessAgent(stream));
  expect(outcome, error).toBe("completed");
}
