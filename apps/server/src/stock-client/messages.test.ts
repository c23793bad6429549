import type { Message } from "@ag-ui/client";
import type { AguiEvent, RunAgentInput } from "@dragoman/agui";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { foldLog } from "../testing/fold-log.ts";
import { readLog } from "../testing/http.ts";
import { countMessages, type RecordingAgent, startRecordingAgent } from "../testing/recording-agent.ts";
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

/** A turn with everything that a server adds to it. */
const turn = ["user", "reasoning", "activity", "assistant"];
function thoughtful({ runId }: RunAgentInput): AguiEvent[] {
  const [why, plan, messageId] = [`why-${runId}`, `plan-${runId}`, `answer-${runId}`];
  return [
    { type: "REASONING_MESSAGE_START", messageId: why, role: "reasoning" },
    { type: "REASONING_MESSAGE_CONTENT", messageId: why, delta: "Hm." },
    { type: "REASONING_MESSAGE_END", messageId: why },
    { type: "ACTIVITY_SNAPSHOT", messageId: plan, activityType: "PLAN", content: { tasks: [runId] } },
    { type: "TEXT_MESSAGE_START", messageId, role: "assistant" },
    { type: "TEXT_MESSAGE_CONTENT", messageId, delta: "So." },
    { type: "TEXT_MESSAGE_END", messageId },
  ];
}

beforeEach(() => {
  recorder.script = countMessages;
});

/** What the agent was given last, as texts. */
const lastGiven = () => (recorder.inputs.at(-1)?.messages ?? []).map(({ content }) => content);
const contents = (messages: readonly Message[]) => messages.map(({ content }) => content);
const started = (events: readonly AguiEvent[]) => events.filter((event) => event.type === "RUN_STARTED");
const idsIn = (events: readonly AguiEvent[]) =>
  started(events).map(({ input }) => input?.messages.map(({ id }) => id));

async function log(agent: StockAgent): Promise<AguiEvent[]> {
  return (await readLog(server.url, agent.threadId)).map(({ event }) => event);
}

/** The client holds exactly what somebody holds who reads the log. */
async function expectAgreement(agent: StockAgent): Promise<void> {
  const { messages, state } = await foldLog(server.url, agent.threadId);
  expect(agent.messages).toEqual(messages);
  expect(agent.state).toEqual(state);
}

describe.each(forms)("messages of the stock client over %s", (form) => {
  const stock = (options: StockOptions = {}) =>
    new StockAgent(server.url, { agentId: "recorder", form, ...options });

  test("the whole conversation is sent every time, and only what is new is logged", async () => {
    const agent = stock();
    const first = await agent.say("one");
    const second = await agent.say("two");
    expect([first.error, second.error]).toEqual([undefined, undefined]);
    expect(lastGiven()).toEqual(["one", "I was given 1.", "two"]);
    const [one, , two] = agent.messages;
    expect(idsIn(await log(agent))).toEqual([[one?.id], [two?.id]]);
    expect(typesOf(await log(agent))).not.toContain("MESSAGES_SNAPSHOT");
    await expectAgreement(agent);
  });

  test("a client that holds nothing appends, and its agent is given the whole history", async () => {
    const agent = stock();
    await agent.say("one");
    const other = stock({ threadId: agent.threadId });
    const run = await other.say("two");
    expect(lastGiven()).toEqual(["one", "I was given 1.", "two"]);
    expect(typesOf(run.events)).not.toContain("MESSAGES_SNAPSHOT");
    expect(contents(other.messages)).toEqual(["two", "I was given 3."]);
  });

  test("a client that sends only what is new appends", async () => {
    const agent = stock();
    await agent.say("one");
    await agent.say("two");
    const held = [...agent.messages];
    agent.setMessages(held.slice(-1));
    await agent.say("three");
    expect(lastGiven()).toEqual(["one", "I was given 1.", "two", "I was given 3.", "three"]);
    expect(contents((await foldLog(server.url, agent.threadId)).messages as Message[])).toHaveLength(6);
  });

  test("regenerate: what was left out at the end is cut, and the client is told", async () => {
    const agent = stock();
    await agent.say("one");
    await agent.say("two");
    agent.setMessages(agent.messages.slice(0, 3));
    const run = await agent.go();
    expect(run.error).toBeUndefined();
    expect(typesOf(run.events).slice(0, 2)).toEqual(["RUN_STARTED", "MESSAGES_SNAPSHOT"]);
    expect(lastGiven()).toEqual(["one", "I was given 1.", "two"]);
    expect(contents(agent.messages)).toEqual(["one", "I was given 1.", "two", "I was given 3."]);
    await expectAgreement(agent);
    const answers = (await log(agent)).filter((event) => event.type === "TEXT_MESSAGE_START");
    expect(answers, "what was cut stays in the log").toHaveLength(3);
  });

  test("edit: a user message with other content is accepted, and what followed is cut", async () => {
    const agent = stock();
    await agent.say("one");
    await agent.say("two");
    const [first] = agent.messages;
    agent.setMessages([{ ...first, content: "another one" } as Message]);
    const run = await agent.go();
    expect(typesOf(run.events).slice(0, 2)).toEqual(["RUN_STARTED", "MESSAGES_SNAPSHOT"]);
    expect(lastGiven()).toEqual(["another one"]);
    expect(contents(agent.messages)).toEqual(["another one", "I was given 1."]);
    await expectAgreement(agent);
  });

  test("edit in the middle: other content of a known id, the rest as it was", async () => {
    const agent = stock();
    await agent.say("one");
    const [first, ...rest] = agent.messages;
    agent.setMessages([{ ...first, content: "one, corrected" } as Message, ...rest]);
    const run = await agent.say("two");
    expect(typesOf(run.events).slice(0, 2)).toEqual(["RUN_STARTED", "MESSAGES_SNAPSHOT"]);
    expect(lastGiven()).toEqual(["one, corrected", "I was given 1.", "two"]);
    await expectAgreement(agent);
  });

  test("what an assistant said is not the client's to change: the log wins", async () => {
    const agent = stock();
    await agent.say("one");
    const [first, answer] = agent.messages;
    agent.setMessages([first as Message, { ...answer, content: "I was given a million." } as Message]);
    await agent.say("two");
    expect(lastGiven()).toEqual(["one", "I was given 1.", "two"]);
  });

  test("system and developer messages may be changed too", async () => {
    const agent = stock({ messages: [{ id: "s", role: "system", content: "Be short." }] });
    await agent.say("one");
    const [, ...rest] = agent.messages;
    agent.setMessages([{ id: "s", role: "system", content: "Be long." }, ...rest]);
    await agent.say("two");
    expect(lastGiven()).toEqual(["Be long.", "one", "I was given 2.", "two"]);
    await expectAgreement(agent);
  });

  test("the result of a tool of the client is appended and answers its call", async () => {
    const agent = stock({ agentId: "demo" });
    const tools = [{ name: "get_location", description: "Where the user is.", parameters: {} }];
    const asked = await agent.say("call tool get_location with {}", { tools });
    const call = asked.events.find((event) => event.type === "TOOL_CALL_START");
    expect(call).toMatchObject({ toolCallName: "get_location" });
    const toolCallId = call?.type === "TOOL_CALL_START" ? call.toolCallId : "";
    agent.addMessage({ id: `result-${toolCallId}`, role: "tool", toolCallId, content: "Berlin" });
    const answered = await agent.go({ tools });
    expect(answered.error).toBeUndefined();
    expect(typesOf(answered.events)).not.toContain("MESSAGES_SNAPSHOT");
    expect(lastText(agent)).toContain("Berlin");
    await expectAgreement(agent);
  });

  test("activity and reasoning of earlier runs take no part in the matching", async () => {
    const agent = stock();
    recorder.script = thoughtful;
    for (const text of ["one", "two", "three"]) {
      expect(typesOf((await agent.say(text)).events)).not.toContain("MESSAGES_SNAPSHOT");
    }
    expect(agent.messages.map(({ role }) => role).slice(0, 4)).toEqual(turn);
    await expectAgreement(agent);
  });

  test("regenerate: what came with the answer goes with it", async () => {
    const agent = stock();
    recorder.script = thoughtful;
    for (const text of ["one", "two", "three"]) await agent.say(text);
    const asked = agent.messages.findIndex(({ content }) => content === "two");
    agent.setMessages(agent.messages.slice(0, asked + 1));
    const run = await agent.go();
    expect(run.error).toBeUndefined();
    expect(typesOf(run.events).slice(0, 2)).toEqual(["RUN_STARTED", "MESSAGES_SNAPSHOT"]);
    expect(agent.messages.map(({ role }) => role)).toEqual([...turn, ...turn]);
    await expectAgreement(agent);
  });

  test("regenerate the very first answer: its activity goes with it", async () => {
    const agent = stock();
    recorder.script = (input) => thoughtful(input).filter(({ type }) => !type.startsWith("REASONING"));
    await agent.say("one");
    agent.setMessages(agent.messages.slice(0, 1));
    const run = await agent.go();
    expect(run.error).toBeUndefined();
    expect(agent.messages.map(({ role }) => role)).toEqual(["user", "activity", "assistant"]);
    await expectAgreement(agent);
  });

  test("a conversation that is emptied and begun anew by the client goes on as a log", async () => {
    const agent = stock();
    await agent.say("one");
    agent.setMessages([]);
    await agent.say("two");
    expect(lastGiven()).toEqual(["one", "I was given 1.", "two"]);
  });
});
