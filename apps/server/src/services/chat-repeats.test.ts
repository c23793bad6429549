import { Code } from "@connectrpc/connect";
import type { Json } from "@dragoman/agui";
import { createAgentClient } from "@dragoman/client/node";
import { ChatControl_Action as Action } from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import { RunState } from "@dragoman/contract/orchestrator/v1/run_pb";
import { createFaultProxy, waitUntil } from "@dragoman/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ChatConnection } from "../client/chat-connection.ts";
import { readStream } from "../testing/read-stream.ts";
import { held, isHeld, runScript } from "../testing/script-run.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, refusedCall, type Wires } from "../testing/wires.ts";

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

test("an interrupt whose id the agent used before is answered by its run", async () => {
  const chatId = "twice";
  const interrupts = [{ id: "i", reason: "question" }];
  const end = {
    type: "RUN_FINISHED",
    threadId: "any",
    runId: "any",
    outcome: { type: "interrupt", interrupts },
  };
  const forwardedProps: Json = { script: [end] };
  await readStream(runScript(all, chatId, "r1", { forwardedProps }));
  const answer = { case: "interruptAnswer", value: { interruptId: "i", status: "resolved" } } as const;
  const first = await all.chat.sendChatInput({ chatId, input: { input: answer } });
  await waitUntil(
    async () =>
      (await all.runs.getRun({ sessionId: chatId, runId: first.runId })).run?.state === RunState.INTERRUPTED,
    "the resumed run to ask again",
  );
  expect(await refusedCall(all.chat.sendChatInput({ chatId, input: { input: answer } }))).toMatchObject({
    code: Code.InvalidArgument,
    reason: "INVALID_REQUEST",
  });
  const named = { input: answer, interruptRunId: first.runId };
  const second = await all.chat.sendChatInput({ chatId, input: named });
  expect(second.runId).not.toBe("");
  expect(second.runId).not.toBe(first.runId);
  const again = { input: answer, interruptRunId: "r1" };
  expect((await all.chat.sendChatInput({ chatId, input: again })).runId).toBe(first.runId);
});

test("a control whose answer was lost is not done to the run after it", async () => {
  const chatId = "lost";
  await using proxy = await createFaultProxy({ port: Number(new URL(server.url).port) });
  const client = createAgentClient({ baseUrl: proxy.url });
  const talk = new ChatConnection(
    client,
    { chatId, agentId: "script" },
    { onEvent() {}, onRejected() {}, onLost() {} },
  );
  void readStream(runScript(all, chatId, "r1", { forwardedProps: held }), isHeld);
  await waitUntil(async () => {
    const { status } = await all.chat
      .sendChatInput({ chatId, input: resume })
      .catch(() => ({ status: undefined }));
    return status?.runId === "r1";
  }, "the first run");
  const reading = talk.read();
  await waitUntil(() => proxy.connectionCount > 0, "the chat to be open");
  await new Promise((resolve) => setTimeout(resolve, 200));
  proxy.stall();
  talk.send({ case: "control", value: { action: Action.CANCEL } });
  // Somebody else does it meanwhile, and begins another run.
  await all.runs.cancelRun({ sessionId: chatId, runId: "r1" });
  void readStream(runScript(all, chatId, "r2", { forwardedProps: held }, {}), isHeld);
  await waitUntil(async () => {
    const { status } = await all.chat.sendChatInput({ chatId, input: resume });
    return status?.runId === "r2";
  }, "the second run");
  proxy.resume();
  proxy.cut();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect((await all.runs.getRun({ sessionId: chatId, runId: "r2" })).run?.state).toBe(RunState.RUNNING);
  talk.leave();
  await reading;
  client.close();
});

/** A control that changes nothing; its answer says where the chat stands. */
const resume = { input: { case: "control", value: { action: Action.RESUME } } } as const;
