import { Code } from "@connectrpc/connect";
import { HealthCheckResponse_Status } from "@dragoman/contract/agent/v1/agui_service_pb";
import { OnDisconnect } from "@dragoman/contract/agent/v1/run_options_pb";
import { RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import { waitUntil } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postRun } from "../testing/http.ts";
import { readStream } from "../testing/read-stream.ts";
import { held, isHeld, type RunOptions, runScript } from "../testing/script-run.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, refusedCall, type Wires } from "../testing/wires.ts";

const start = (all: Services, threadId: string, options: RunOptions = {}, signal?: AbortSignal) =>
  runScript(all, threadId, "r", { forwardedProps: held }, options, signal);

/** Starts a run and leaves it in the middle. */
async function startAndLeave(all: Services, threadId: string, options: RunOptions = {}): Promise<void> {
  const leave = new AbortController();
  await readStream(start(all, threadId, options, leave.signal), isHeld, leave);
}

async function stateOf({ runs }: Services, sessionId: string): Promise<RunState | undefined> {
  return (await runs.getRun({ sessionId, runId: "r" })).run?.state;
}

const becomes = (all: Services, sessionId: string, state: RunState) =>
  waitUntil(async () => (await stateOf(all, sessionId)) === state, `the run to be ${RunState[state]}`);

describe("a run whose client leaves", () => {
  let server: TestServer;
  let wires: Wires;
  let all: Services;

  beforeAll(async () => {
    server = await startTestServer({ onDisconnect: "cancel:200" });
    wires = openWires(server.url);
    all = servicesOver(wires.transport("gRPC"));
  });
  afterAll(async () => {
    wires.close();
    await server.close();
  });

  test("is cancelled after the grace that the server is configured with", async () => {
    await startAndLeave(all, "configured");
    await becomes(all, "configured", RunState.CANCELED);
  });

  test("over HTTP too", async () => {
    const leave = new AbortController();
    const response = await fetch(`${server.url}/agents/script`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ threadId: "http", runId: "r", messages: [], forwardedProps: held }),
      signal: leave.signal,
    });
    await response.body?.getReader().read();
    leave.abort();
    await becomes(all, "http", RunState.CANCELED);
  });

  test("goes on where the request says so", async () => {
    await startAndLeave(all, "continues", { onDisconnect: OnDisconnect.CONTINUE });
    await startAndLeave(all, "sooner", { onDisconnect: OnDisconnect.CANCEL });
    await startAndLeave(all, "later");
    await becomes(all, "later", RunState.CANCELED);
    expect(await stateOf(all, "continues")).toBe(RunState.RUNNING);
    expect(await stateOf(all, "sooner"), "its own grace of 10 s is longer").toBe(RunState.RUNNING);
    await all.runs.cancelRun({ sessionId: "continues" });
    await all.runs.cancelRun({ sessionId: "sooner" });
  });

  test("goes on while somebody else observes it", async () => {
    const observing = new AbortController();
    const leaving = new AbortController();
    const observe = () =>
      all.runs.observeRun({ sessionId: "observed", afterSequence: 2n }, { signal: observing.signal });
    const attached = () =>
      new Promise<void>((resolve) => {
        const first = () => {
          resolve();
          return false;
        };
        void readStream(observe(), first).catch(() => {});
      });
    await readStream(start(all, "observed", {}, leaving.signal), isHeld);
    await attached();
    leaving.abort();
    await startAndLeave(all, "left alone");
    await becomes(all, "left alone", RunState.CANCELED);
    expect(await stateOf(all, "observed")).toBe(RunState.RUNNING);
    observing.abort();
    await becomes(all, "observed", RunState.CANCELED);
  });
});

describe("a server that stops", () => {
  test("takes no more runs, lets active ones end as it can, and sends readers away", async () => {
    await using server = await startTestServer({ drainMs: "300" });
    const wires = openWires(server.url);
    const all = servicesOver(wires.transport("gRPC"));
    await startAndLeave(all, "other");
    await all.runs.cancelRun({ sessionId: "other" });
    const following = readStream(all.sessions.observeSession({ sessionId: "other", follow: true })).catch(
      (error) => error,
    );
    const overHttp = fetch(`${server.url}/sessions/other/events?follow=true`).then((response) =>
      response.text(),
    );
    let closing: Promise<void> | undefined;
    const stream = await readStream(start(all, "active"), (item) => {
      if (isHeld(item)) closing = server.close();
      return false;
    });
    expect(stream.kinds.slice(-2)).toEqual(["textMessageEnd", "runError"]);
    await closing;
    expect(await refusedCall(Promise.reject(await following))).toMatchObject({
      code: Code.Unavailable,
      reason: "SHUTTING_DOWN",
    });
    expect(await overHttp, "the run before had ended, so there is nothing to break off").toContain(
      "RUN_FINISHED",
    );
    wires.close();
  });

  test("refuses a run while it drains, as a status that says try again", async () => {
    await using server = await startTestServer({ drainMs: "1000" });
    const wires = openWires(server.url);
    const all = servicesOver(wires.transport("gRPC"));
    let refusal: Promise<unknown> | undefined;
    let plain: Promise<Response> | undefined;
    let health: Promise<unknown> | undefined;
    await readStream(start(all, "active"), (item) => {
      if (!isHeld(item)) return false;
      void server.close();
      health = all.agui.healthCheck({});
      refusal = refusedCall(start(all, "late"));
      plain = postRun(`${server.url}/agents/script`, { threadId: "late", messages: [] });
      return false;
    });
    expect(await refusal).toMatchObject({ code: Code.Unavailable, reason: "SHUTTING_DOWN" });
    expect((await plain)?.status).toBe(503);
    expect(await health).toMatchObject({ status: HealthCheckResponse_Status.NOT_SERVING });
    wires.close();
  });
});
