import type { AgentOutput } from "@dragoman/agent";
import { type AgentHost, serve } from "@dragoman/agent/serve";
import { ChatStatus_State as State } from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import { RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import { waitUntil } from "@dragoman/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, type Wires } from "../testing/wires.ts";

let host: AgentHost;
let server: TestServer;
let wires: Wires;
beforeAll(async () => {
  host = await serve({
    async *run({ threadId, runId }): AsyncGenerator<AgentOutput> {
      for (let n = 0; n < 600; n++) yield { type: "CUSTOM", name: "much", value: "x".repeat(10_000) };
      yield { type: "RUN_FINISHED", threadId, runId };
    },
  });
  server = await startTestServer({ agent: [`much=grpc:${host.url}`] });
  wires = openWires(server.url);
});
afterAll(async () => {
  wires.close();
  await server.close();
  await host.close();
});

test.each(["gRPC", "Connect, HTTP/2"] as const)(
  "a status comes after the events that led to it, also where a reader is behind, over %s",
  async (name) => {
    const { chat, runs } = servicesOver(wires.transport(name));
    async function* requests() {
      yield { request: { case: "init", value: { agentId: "much" } } } as const;
      const message = { case: "message", value: { id: "m", role: "user", content: "" } } as const;
      yield { request: { case: "input", value: { input: message as never } } } as const;
    }
    const seen: string[] = [];
    let chatId = "";
    for await (const { item } of chat.streamingChat(requests())) {
      if (item.case === "ready") chatId = item.value.chatId;
      if (item.case === "status") seen.push(State[item.value.state]);
      if (item.case === "event" && item.value.event.case !== "custom") seen.push(item.value.event.case ?? "");
      if (item.case !== "event" || item.value.event.case !== "runStarted") continue;
      // The reader stands still until all has happened.
      const { runId } = item.value.event.value;
      const isOver = async () =>
        (await runs.getRun({ sessionId: chatId, runId })).run?.state !== RunState.RUNNING;
      await waitUntil(isOver, "the run to end");
    }
    expect(seen).toEqual(["IDLE", "runStarted", "RUNNING", "runFinished", "IDLE"]);
  },
);
