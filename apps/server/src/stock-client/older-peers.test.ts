import type { AguiEvent } from "@dragoman/agui";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postRun, readLog, readSse } from "../testing/http.ts";
import { type RecordingAgent, startRecordingAgent } from "../testing/recording-agent.ts";
import { forms, StockAgent, typesOf } from "../testing/stock-agent.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let server: TestServer;
let recorder: RecordingAgent;

beforeAll(async () => {
  recorder = await startRecordingAgent();
  server = await startTestServer({ agent: [`recorder=ag-ui:${recorder.url}`] });
});
afterAll(async () => {
  await server.close();
  await recorder[Symbol.asyncDispose]();
});

/** The stock client held back to a version before 1.0: it declares none. */
class OlderAgent extends StockAgent {
  override get maxProtocolVersion(): string {
    return "0.0.57";
  }
}

const cancelled: AguiEvent[] = [
  {
    type: "RUN_FINISHED",
    threadId: "any",
    runId: "any",
    outcome: { type: "cancelled" },
  },
];
const result: AguiEvent[] = [
  { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "look" },
  { type: "TOOL_CALL_END", toolCallId: "c" },
  {
    type: "TOOL_CALL_RESULT",
    messageId: "m",
    toolCallId: "c",
    content: [
      { type: "text", text: "one" },
      { type: "text", text: "two" },
    ],
  },
];

describe.each(forms)("a client before 1.0 that asks for %s", (form) => {
  const older = (agentId = "recorder") => new OlderAgent(server.url, { agentId, form });

  test("is not told of outcomes that it does not know: cancelled is an error", async () => {
    recorder.script = () => cancelled;
    const agent = older();
    const run = await agent.go({ runId: "r" });
    expect(run.events.at(-1)).toMatchObject({ type: "RUN_ERROR", code: "cancelled" });
    const log = await readLog(server.url, agent.threadId);
    expect(log.at(-1)?.event, "the log keeps what happened").toMatchObject({
      type: "RUN_FINISHED",
      outcome: { type: "cancelled" },
    });
    const old = await readLog(server.url, agent.threadId, "?protocolVersion=0.0.57");
    expect(old.at(-1)).toMatchObject({ id: log.at(-1)?.id, event: { type: "RUN_ERROR" } });
  });

  test("gets the text of results that come in parts", async () => {
    recorder.script = () => result;
    const run = await older().go();
    const found = run.events.find((event) => event.type === "TOOL_CALL_RESULT");
    expect(typeof (found?.type === "TOOL_CALL_RESULT" ? found.content : undefined)).toBe("string");
    expect(JSON.stringify(found)).toMatch(/one.*two/);
  });

  test("talks with the demo agent as ever", async () => {
    const agent = older("demo");
    const run = await agent.say("add milk to the list");
    expect(run.error).toBeUndefined();
    expect(typesOf(run.events).at(-1)).toBe("RUN_FINISHED");
    expect(agent.state).toMatchObject({ todos: [{ text: "milk" }] });
  });

  test("a client of today gets all of it", async () => {
    recorder.script = () => [...result, ...cancelled];
    const run = await new StockAgent(server.url, { agentId: "recorder", form }).go();
    expect(run.events).toContainEqual(expect.objectContaining(result[2]));
    expect(run.events.at(-1)).toMatchObject({ type: "RUN_FINISHED", outcome: { type: "cancelled" } });
  });
});

test("without a version, events come as text even where binary is asked for", async () => {
  const accept = "application/vnd.ag-ui.event+proto";
  const messages = [{ id: "u", role: "user", content: "say hello" }];
  const old = await postRun(`${server.url}/agents/demo`, { messages }, { accept });
  expect(old.headers.get("content-type")).toBe("text/event-stream");
  expect((await readSse(old)).at(-1)?.event.type).toBe("RUN_FINISHED");
  const body = { messages, protocolVersion: "1.0" };
  const now = await postRun(`${server.url}/agents/demo`, body, { accept });
  expect(now.headers.get("content-type")).toBe(accept);
  await now.arrayBuffer();
});

test("a newer minor version is served like ours", async () => {
  const messages = [{ id: "u", role: "user", content: "say hello" }];
  const events = await readSse(
    await postRun(`${server.url}/agents/demo`, { messages, protocolVersion: "1.7" }),
  );
  expect(events.at(-1)?.event.type).toBe("RUN_FINISHED");
});
