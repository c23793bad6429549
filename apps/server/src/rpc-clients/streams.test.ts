import type { AguiEvent, RunAgentInput } from "@dragoman/agui";
import { inputToMessage } from "@dragoman/agui";
import { AttachMode } from "@dragoman/contract/orchestrator/v1/cursor_pb";
import { RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readStream, type StreamItem, upTo } from "../testing/read-stream.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, type WireName, type Wires, wireNames } from "../testing/wires.ts";

let server: TestServer;
let wires: Wires;

beforeAll(async () => {
  server = await startTestServer({ heartbeatMs: "50" });
  wires = openWires(server.url);
});
afterAll(async () => {
  wires.close();
  await server.close();
});

function clientsOver(name: WireName): Services {
  return servicesOver(wires.transport(name));
}

const messageId = "m";
const text: AguiEvent[] = [
  { type: "TEXT_MESSAGE_START", messageId, role: "assistant" },
  { type: "TEXT_MESSAGE_CONTENT", messageId, delta: "Hello, " },
  { type: "TEXT_MESSAGE_CONTENT", messageId, delta: "wörld 🌍" },
  { type: "TEXT_MESSAGE_END", messageId },
  { type: "STATE_SNAPSHOT", snapshot: { n: 1.5, deep: { list: [null, true, "x"] } } },
  { type: "RUN_FINISHED", threadId: "any", runId: "any" },
];
const kinds = [
  "runStarted",
  "textMessageStart",
  "textMessageContent",
  "textMessageContent",
  "textMessageEnd",
  "stateSnapshot",
  "runFinished",
];
/** A run that waits with a message open until it is cancelled. */
const waiting = { script: text.slice(0, 2), delayMs: 60_000 };

function request(threadId: string, runId: string, forwardedProps: object = { script: text }) {
  const input = { threadId, runId, messages: [], forwardedProps } as RunAgentInput;
  return { agentId: "script", input: inputToMessage(input) };
}

describe.each(wireNames)("streams over %s", (name) => {
  const sessionOf = (what: string) => `${what} over ${name}`;

  test("RunAgent streams a run, joins it, and resumes it after a sequence", async () => {
    const { agui } = clientsOver(name);
    const run = request(sessionOf("run"), "r");
    const first = await readStream(agui.runAgent(run));
    expect(first.kinds).toEqual(kinds);
    expect(first.sequences).toEqual(upTo(7));
    expect(first.logId).not.toBe("");
    expect(first.items.slice(1).map(({ logId }) => logId)).toEqual(first.items.slice(1).map(() => ""));
    const again = await readStream(agui.runAgent(run));
    expect(again.items).toEqual(first.items);
    const rest = await readStream(agui.runAgent({ ...run, afterSequence: 5n, logId: first.logId }));
    expect(rest.sequences).toEqual([6, 7]);
    expect(rest.logId).toBe(first.logId);
  });

  test("ObserveRun: from the beginning, after a sequence, and from a snapshot", async () => {
    const { agui, runs } = clientsOver(name);
    const sessionId = sessionOf("observe run");
    await readStream(agui.runAgent(request(sessionId, "one")));
    await readStream(agui.runAgent(request(sessionId, "two")));
    // The second run begins with the state of the session, which its caller did not send.
    const whole = await readStream(runs.observeRun({ sessionId, runId: "one" }));
    expect(whole.sequences).toEqual(upTo(7));
    const beginning = { sessionId, runId: "two", mode: AttachMode.BEGINNING, afterSequence: 9n };
    expect((await readStream(runs.observeRun(beginning))).sequences).toEqual(upTo(15, 8));
    const tail = { sessionId, runId: "two", mode: AttachMode.TAIL, afterSequence: 13n };
    expect((await readStream(runs.observeRun(tail))).sequences).toEqual([14, 15]);
    const last = await readStream(runs.observeRun({ sessionId }));
    expect(last.sequences).toEqual(upTo(15, 8));
    const snapshot = await readStream(runs.observeRun({ sessionId, mode: AttachMode.SNAPSHOT }));
    expect(snapshot.kinds).toEqual(["runStarted", "messagesSnapshot", "stateSnapshot", "runFinished"]);
    expect(snapshot.sequences).toEqual([]);
    expect(snapshot.items.at(-1)?.item).toMatchObject({ case: "caughtUp", value: { sequence: 15n } });
    expect(snapshot.logId).toBe(whole.logId);
  });

  test("a snapshot in the middle of a run opens again what is open, then goes on", async () => {
    const { agui, runs } = clientsOver(name);
    const sessionId = sessionOf("snapshot");
    const isOpen = ({ item }: StreamItem) => item.case === "event" && item.value.event.case !== "runStarted";
    await readStream(agui.runAgent(request(sessionId, "r", waiting)), isOpen);
    let cancelled: Promise<unknown> | undefined;
    const snapshot = { sessionId, mode: AttachMode.SNAPSHOT };
    const { items, kinds: seen } = await readStream(runs.observeRun(snapshot), ({ item }) => {
      if (item.case === "caughtUp") cancelled = runs.cancelRun({ sessionId });
      return false;
    });
    await cancelled;
    expect(seen.slice(0, 4)).toEqual(["runStarted", "messagesSnapshot", "stateSnapshot", "textMessageStart"]);
    expect(seen.slice(4)).toEqual(["textMessageEnd", "runFinished"]);
    const events = items.filter(({ item }) => item.case !== "heartbeat");
    expect(events[4]?.item).toMatchObject({ case: "caughtUp", value: { sequence: 2n } });
    expect(events.map(({ sequence }) => sequence)).toEqual([...Array(5).fill(undefined), 3n, 4n]);
  });

  test("ObserveSession: everything there is, or everything that comes", async () => {
    const { agui, sessions } = clientsOver(name);
    const sessionId = sessionOf("observe session");
    await readStream(agui.runAgent(request(sessionId, "one")));
    const past = await readStream(sessions.observeSession({ sessionId }));
    expect(past.sequences).toEqual(upTo(7));
    const nothing = await readStream(sessions.observeSession({ sessionId, afterSequence: 7n }));
    expect(nothing.items).toEqual([]);
    let started = false;
    const followed = await readStream(sessions.observeSession({ sessionId, follow: true }), (item) => {
      if (!started && item.item.case === "heartbeat") {
        started = true;
        void readStream(agui.runAgent(request(sessionId, "two")));
      }
      return item.sequence === 15n;
    });
    expect(followed.sequences).toEqual(upTo(15));
    expect(followed.items.some(({ item }) => item.case === "heartbeat")).toBe(true);
  });

  test("a quiet run sends heartbeats, and CancelRun ends it", async () => {
    const { agui, runs } = clientsOver(name);
    const sessionId = sessionOf("cancel");
    const run = request(sessionId, "r", waiting);
    let cancelled: Promise<unknown> | undefined;
    const seen = await readStream(agui.runAgent(run), ({ item }) => {
      if (item.case === "heartbeat" && item.value.headSequence === 2n) {
        cancelled ??= runs.cancelRun({ sessionId, runId: "r" });
      }
      return false;
    });
    await cancelled;
    expect(seen.kinds).toEqual(["runStarted", "textMessageStart", "textMessageEnd", "runFinished"]);
    const { run: ended } = await runs.getRun({ sessionId, runId: "r" });
    expect(ended).toMatchObject({ state: RunState.CANCELED, firstSequence: 1n, lastSequence: 4n });
    const again = await runs.cancelRun({ sessionId, runId: "r" });
    expect(again.run, "a run that has ended is returned as it is").toEqual(ended);
  });
});
