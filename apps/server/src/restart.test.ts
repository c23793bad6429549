import type { Interrupt } from "@ag-ui/client";
import { inputToMessage } from "@dragoman/agui";
import { IfActive } from "@dragoman/contract/agent/v1/run_options_pb";
import { RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import { createTempFolder, type TempFolder, waitUntil } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { foldLog } from "./testing/fold-log.ts";
import { readLog } from "./testing/http.ts";
import { readStream } from "./testing/read-stream.ts";
import { type Services, servicesOver } from "./testing/services.ts";
import { lastText, StockAgent, typesOf } from "./testing/stock-agent.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";
import { openWires, refusedCall, type Wires } from "./testing/wires.ts";

/** Everything is said to one server, which is stopped; another one on the same folder is asked about it. */
describe("another server on the same data", () => {
  let folder: TempFolder;
  let server: TestServer;
  let wires: Wires;
  let all: Services;

  const start = async () => {
    server = await startTestServer({ memory: false, data: folder.path, drainMs: "0" });
    wires = openWires(server.url);
    all = servicesOver(wires.transport("gRPC"));
  };
  const stop = async () => {
    wires.close();
    await server.close();
  };

  const list = { id: "list", runId: "r-list" };
  const question = { threadId: "question", interrupt: { id: "", reason: "" } as Interrupt };
  const held = {
    script: [
      { type: "CUSTOM", name: "n", value: 1 },
      { type: "CUSTOM", name: "n", value: 2 },
    ],
    delayMs: 60_000,
  };
  const before = new Map<string, unknown>();

  const runs = (threadId: string, runId: string, forwardedProps: object, options: object = {}) => {
    const input = inputToMessage({ threadId, runId, messages: [], forwardedProps: forwardedProps as never });
    return all.agui.runAgent({ agentId: "script", input, ...options });
  };

  beforeAll(async () => {
    folder = await createTempFolder();
    await start();
    const agent = new StockAgent(server.url, { threadId: list.id });
    await agent.say("add milk to the list", { runId: list.runId });
    before.set("messages", [...agent.messages]);
    before.set("log", await readLog(server.url, list.id));
    const asking = new StockAgent(server.url, { threadId: question.threadId });
    const asked = (await asking.say("delete all notes")).events.at(-1);
    if (asked?.type === "RUN_FINISHED" && asked.outcome?.type === "interrupt") {
      question.interrupt = asked.outcome.interrupts[0] as Interrupt;
    }
    await all.sessions.createSession({ sessionId: "ended" });
    await all.sessions.endSession({ sessionId: "ended" });
    void readStream(runs("active", "first", held)).catch(() => {});
    await waitUntil(
      async () => (await all.runs.listRuns({ sessionId: "active" })).runs.length === 1,
      "a run",
    );
    const queued = { script: [{ type: "RUN_FINISHED", threadId: "any", runId: "any" }] };
    void readStream(runs("active", "second", queued, { ifActive: IfActive.QUEUE })).catch(() => {});
    await waitUntil(
      async () => (await all.runs.listRuns({ sessionId: "active" })).runs.length === 2,
      "a queue",
    );
    await stop();
    await start();
  });
  afterAll(async () => {
    await stop();
    await folder.remove();
  });

  test("has the same log", async () => {
    expect(await readLog(server.url, list.id)).toEqual(before.get("log"));
    expect((await foldLog(server.url, list.id)).messages).toEqual(before.get("messages"));
  });

  test("joins a run that was made before: it is replayed", async () => {
    const again = new StockAgent(server.url, { threadId: list.id });
    const [user] = before.get("messages") as StockAgent["messages"];
    if (user) again.addMessage(user);
    const run = await again.go({ runId: list.runId });
    expect(run.error).toBeUndefined();
    expect(again.messages).toEqual(before.get("messages"));
    expect(await readLog(server.url, list.id)).toEqual(before.get("log"));
  });

  test("goes on with the conversation and its state", async () => {
    const agent = new StockAgent(server.url, {
      threadId: list.id,
      messages: before.get("messages") as never,
    });
    const run = await agent.say("show the list");
    expect(typesOf(run.events)).toContain("STATE_SNAPSHOT");
    expect(lastText(agent)).toContain("milk");
    const log = await readLog(server.url, list.id);
    expect(log.map(({ id }) => Number(id?.split(":")[1]))).toEqual(log.map((_, index) => index + 1));
  });

  test("still waits for the answer, and takes it once", async () => {
    const agent = new StockAgent(server.url, { threadId: question.threadId });
    const resume = [
      { interruptId: question.interrupt.id, status: "resolved" as const, payload: { approved: true } },
    ];
    const { session } = await all.sessions.getSession({ sessionId: question.threadId });
    expect(session?.openInterruptIds).toEqual([question.interrupt.id]);
    const run = await agent.go({ resume });
    expect(lastText(agent)).toContain("I deleted");
    expect(run.error).toBeUndefined();
    expect(
      (await new StockAgent(server.url, { threadId: question.threadId }).go({ resume })).error?.message,
    ).toContain("409");
  });

  test("knows that a session was ended", async () => {
    expect(await refusedCall(runs("ended", "r", held))).toMatchObject({ reason: "SESSION_ENDED" });
  });

  test("shows how the run that was active ended, and runs the one that waited", async () => {
    const second = await readStream(all.runs.observeRun({ sessionId: "active", runId: "second" }));
    expect(second.kinds).toEqual(["runStarted", "runFinished"]);
    const { run: first } = await all.runs.getRun({ sessionId: "active", runId: "first" });
    expect(first).toMatchObject({ state: RunState.FAILED, errorCode: "SERVER_SHUTDOWN" });
    expect(Number(first?.lastSequence)).toBeLessThan(second.sequences[0] ?? 0);
  });
});
