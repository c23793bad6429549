import type { AguiEvent } from "@dragoman/agui";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { foldLog } from "../testing/fold-log.ts";
import { postRun, readLog, readSse, refusalOf } from "../testing/http.ts";
import { type RecordingAgent, startRecordingAgent } from "../testing/recording-agent.ts";
import { forms, lastText, StockAgent, type StockOptions, typesOf } from "../testing/stock-agent.ts";
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

/** A message in pieces, for the agent `script`. */
function spoken(messageId: string, pieces: number): AguiEvent[] {
  return [
    { type: "TEXT_MESSAGE_START", messageId, role: "assistant" },
    ...Array.from({ length: pieces }, (_, index): AguiEvent => {
      return { type: "TEXT_MESSAGE_CONTENT", messageId, delta: `${index} ` };
    }),
    { type: "TEXT_MESSAGE_END", messageId },
    { type: "RUN_FINISHED", threadId: "any", runId: "any" },
  ];
}

const slow = (messageId = "m") => ({ script: spoken(messageId, 100), delayMs: 100 });
const isContent = ({ type }: AguiEvent) => type === "TEXT_MESSAGE_CONTENT";
const last = async (threadId: string) => (await readLog(server.url, threadId)).at(-1)?.event;

/** Starts a run and resolves once its first text has arrived; `ended` settles with the run. */
async function begun(agent: StockAgent, config: Parameters<StockAgent["go"]>[0]) {
  let arrived = () => {};
  const begins = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const ended = agent.go(config, (event) => isContent(event) && arrived());
  await Promise.race([begins, ended]);
  return ended;
}

describe.each(forms)("runs of the stock client over %s", (form) => {
  const stock = (options: StockOptions = {}) =>
    new StockAgent(server.url, { agentId: "script", form, ...options });
  const twinOf = (agent: StockAgent) =>
    new StockAgent(server.url, {
      agentId: "script",
      form,
      threadId: agent.threadId,
      messages: [...agent.messages],
    });

  test("the same run again is replayed from its beginning; the agent is not called again", async () => {
    const agent = stock({ agentId: "recorder" });
    agent.addMessage({ id: "u", role: "user", content: "one" });
    const twin = stock({ agentId: "recorder", threadId: agent.threadId, messages: agent.messages });
    const calls = recorder.inputs.length;
    const first = await agent.go({ runId: "r" });
    const second = await twin.go({ runId: "r" });
    expect(second.error).toBeUndefined();
    expect(second.events).toEqual(first.events);
    expect(twin.messages).toEqual(agent.messages);
    expect(recorder.inputs).toHaveLength(calls + 1);
  });

  test("the same run while it is running is joined", async () => {
    const agent = stock();
    const twin = twinOf(agent);
    const config = { runId: "r", forwardedProps: { script: spoken("m", 20), delayMs: 10 } };
    const running = begun(agent, config);
    const second = await twin.go(config);
    const first = await running;
    expect(second.events).toEqual(first.events);
    expect(typesOf(second.events).filter((type) => type === "TEXT_MESSAGE_CONTENT")).toHaveLength(20);
  });

  test("the same run id with another input is refused", async () => {
    const agent = stock();
    const twin = twinOf(agent);
    await agent.go({ runId: "r", forwardedProps: { script: spoken("m", 1) } });
    const other = await twin.go({ runId: "r", forwardedProps: { script: spoken("m", 2) } });
    expect(other.error?.message).toContain("409");
    const body = { threadId: agent.threadId, runId: "r", messages: [], protocolVersion: "1.0" };
    expect(await refusalOf(await postRun(`${server.url}/agents/script`, body))).toMatchObject({
      status: 409,
      code: "already_exists",
      reason: "RUN_EXISTS",
      metadata: { session_id: agent.threadId, run_id: "r" },
    });
  });

  test("stop, then go on: a run whose client is gone is cancelled by the next one", async () => {
    const agent = stock();
    agent.addMessage({ id: "u1", role: "user", content: "one" });
    const stopped = new Promise<void>((resolve) => {
      void agent
        .go({ runId: "first", forwardedProps: slow("m1") }, (event) => isContent(event) && resolve())
        .catch(() => {});
    });
    await stopped;
    agent.abortRun();
    const next = twinOf(agent);
    next.addMessage({ id: "u2", role: "user", content: "two" });
    const run = await next.go({ runId: "second", forwardedProps: { script: spoken("m2", 1) } });
    expect(run.error).toBeUndefined();
    const log = (await readLog(server.url, agent.threadId)).map(({ event }) => event);
    const ends = log.filter((event) => event.type === "RUN_FINISHED");
    expect(ends).toMatchObject([{ runId: "first", outcome: { type: "cancelled" } }, { runId: "second" }]);
    expect(typesOf(log).filter((type) => type === "TEXT_MESSAGE_END")).toHaveLength(2);
  });

  test("while somebody reads the active run, another one is refused", async () => {
    const agent = stock();
    const other = twinOf(agent);
    const reading = new Promise<void>((resolve) => {
      void agent.go({ runId: "first", forwardedProps: slow() }, (event) => isContent(event) && resolve());
    });
    await reading;
    const run = await other.go({ runId: "second", forwardedProps: { script: [] } });
    expect(run.error?.message).toContain("400");
    const body = { threadId: agent.threadId, runId: "third", messages: [], protocolVersion: "1.0" };
    expect(await refusalOf(await postRun(`${server.url}/agents/script`, body))).toMatchObject({
      code: "failed_precondition",
      reason: "RUN_ACTIVE",
      metadata: { session_id: agent.threadId, run_id: "first" },
    });
    agent.abortRun();
  });

  test("abortRun ends what the client sees; the run goes on", async () => {
    const agent = stock();
    const seen = new Promise<void>((resolve) => {
      const config = { runId: "r", forwardedProps: { script: spoken("m", 30), delayMs: 10 } };
      void agent.go(config, (event) => isContent(event) && resolve());
    });
    await seen;
    agent.abortRun();
    const events = await readLog(server.url, agent.threadId);
    expect(events.at(-1)?.event).toMatchObject({ type: "RUN_FINISHED", runId: "r" });
    expect(events.at(-1)?.event).not.toHaveProperty("outcome");
    expect(events.filter(({ event }) => isContent(event))).toHaveLength(30);
  });

  test("whose thread and run the agent names does not matter", async () => {
    const agent = stock({ threadId: `own-${form}` });
    const run = await agent.go({ runId: "mine", forwardedProps: { script: spoken("m", 1) } });
    expect(run.events.at(-1)).toMatchObject({ type: "RUN_FINISHED", threadId: `own-${form}`, runId: "mine" });
  });

  test("an agent that breaks the rules ends in one RUN_ERROR that closes what was open", async () => {
    const agent = stock();
    const script = [
      ...spoken("m", 2).slice(0, 3),
      { type: "TEXT_MESSAGE_CONTENT", messageId: "x", delta: "?" },
    ];
    const run = await agent.go({ forwardedProps: { script } });
    expect(run.error).toBeUndefined();
    expect(typesOf(run.events).slice(-2)).toEqual(["TEXT_MESSAGE_END", "RUN_ERROR"]);
    expect(lastText(agent)).toBe("0 1 ");
  });

  test("an agent that just stops is no success", async () => {
    const agent = stock();
    const run = await agent.go({ forwardedProps: { script: spoken("m", 2).slice(0, 3) } });
    expect(typesOf(run.events).slice(-2)).toEqual(["TEXT_MESSAGE_END", "RUN_ERROR"]);
  });

  test("chunks arrive as the events that they stand for", async () => {
    const agent = stock();
    const script = [
      { type: "TEXT_MESSAGE_CHUNK", messageId: "m", delta: "Hello" },
      { type: "TEXT_MESSAGE_CHUNK", delta: " there" },
      { type: "RUN_FINISHED", threadId: "any", runId: "any" },
    ];
    await agent.go({ forwardedProps: { script } });
    const log = (await readLog(server.url, agent.threadId)).map(({ event }) => event);
    expect(typesOf(log)).toEqual([
      "RUN_STARTED",
      "TEXT_MESSAGE_START",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_CONTENT",
      "TEXT_MESSAGE_END",
      "RUN_FINISHED",
    ]);
    expect(agent.messages).toEqual((await foldLog(server.url, agent.threadId)).messages);
  });
});

describe("runs over plain HTTP", () => {
  test("ids that are missing are generated", async () => {
    const messages = [{ id: "u", role: "user", content: "say hello" }];
    const first = await readSse(await postRun(`${server.url}/agents/demo`, { messages }));
    const second = await readSse(await postRun(`${server.url}/`, { messages }));
    const ids = [first, second].map((events) => {
      const event = events[0]?.event;
      return event?.type === "RUN_STARTED" ? [event.threadId, event.runId] : [];
    });
    expect(new Set(ids.flat())).toHaveLength(4);
    expect(await last(ids[0]?.[0] ?? "")).toMatchObject({ type: "RUN_FINISHED", runId: ids[0]?.[1] });
  });

  test("a thread id that needs escaping in a URL can be read", async () => {
    const threadId = "a/b?c#d %é";
    const body = { threadId, messages: [{ id: "u", role: "user", content: "say hello" }] };
    const events = await readSse(await postRun(`${server.url}/agents/demo`, body));
    expect(await readLog(server.url, threadId, "?protocolVersion=1.0")).toHaveLength(events.length);
  });
});
