import type { RunAgentInput } from "@dragoman/agui";
import { IfActive } from "@dragoman/contract/agent/v1/run_options_pb";
import { RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import { waitUntil } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readStream } from "../testing/read-stream.ts";
import { held, isHeld, type RunOptions, runScript } from "../testing/script-run.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, type Wires } from "../testing/wires.ts";

let server: TestServer;
let wires: Wires;
let all: Services;

beforeAll(async () => {
  server = await startTestServer();
  wires = openWires(server.url);
  all = servicesOver(wires.transport("gRPC"));
});
afterAll(async () => {
  wires.close();
  await server.close();
});

const run = (threadId: string, runId: string, more: Partial<RunAgentInput> = {}, options: RunOptions = {}) =>
  runScript(all, threadId, runId, more, options);
const unique = () => crypto.randomUUID();

describe("while a run is active, another one", () => {
  test("waits in its turn where it says so", async () => {
    const session = unique();
    await readStream(run(session, "active", { forwardedProps: held }), isHeld);
    const queue = { ifActive: IfActive.QUEUE };
    const waiting = ["second", "third"].map((runId) => readStream(run(session, runId, {}, queue)));
    const states = async () => {
      const { runs } = await all.runs.listRuns({ sessionId: session });
      return runs.map(({ state }) => state).toSorted();
    };
    const wanted = [RunState.QUEUED, RunState.QUEUED, RunState.RUNNING];
    await waitUntil(async () => (await states()).join() === wanted.join(), "both runs to wait");
    await all.runs.cancelRun({ sessionId: session, runId: "active" });
    const [second, third] = await Promise.all(waiting);
    expect(second?.kinds).toEqual(["runStarted", "runFinished"]);
    expect(third?.sequences[0]).toBeGreaterThan(second?.sequences.at(-1) ?? Number.POSITIVE_INFINITY);
  });

  test("is taken out of the queue where it is cancelled", async () => {
    const session = unique();
    await readStream(run(session, "active", { forwardedProps: held }), isHeld);
    const queued = readStream(run(session, "queued", {}, { ifActive: IfActive.QUEUE }));
    const there = () => all.runs.getRun({ sessionId: session, runId: "queued" }).catch(() => undefined);
    await waitUntil(there, "the run to wait");
    await all.runs.cancelRun({ sessionId: session, runId: "queued" });
    await all.runs.cancelRun({ sessionId: session, runId: "active" });
    await queued;
    const { run: ended } = await all.runs.getRun({ sessionId: session, runId: "queued" });
    expect(ended?.state).toBe(RunState.CANCELED);
  });

  test("takes its place where it says so", async () => {
    const session = unique();
    await readStream(run(session, "active", { forwardedProps: held }), isHeld);
    const next = await readStream(run(session, "next", {}, { ifActive: IfActive.CANCEL }));
    expect(next.kinds.slice(0, 1)).toEqual(["runStarted"]);
    const { run: first } = await all.runs.getRun({ sessionId: session, runId: "active" });
    expect(first?.state).toBe(RunState.CANCELED);
  });
});
