import type { AguiEvent } from "@dragoman/agui";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { foldLog } from "../testing/fold-log.ts";
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

const milk = { todos: [{ text: "milk", done: false }] };
const eggs = { todos: [{ text: "eggs", done: false }], theme: "dark" };
const snapshots = (events: readonly AguiEvent[]) =>
  events.flatMap((event) => (event.type === "STATE_SNAPSHOT" ? [event.snapshot] : []));
const storedState = async (agent: StockAgent) => (await foldLog(server.url, agent.threadId)).state;

describe.each(forms)("state of the stock client over %s", (form) => {
  const stock = (options: StockOptions = {}) => new StockAgent(server.url, { form, ...options });

  test("an echo of the state changes nothing", async () => {
    const agent = stock();
    await agent.say("add milk to the list");
    expect(agent.state).toEqual(milk);
    const run = await agent.say("show the list");
    expect(typesOf(run.events)).not.toContain("STATE_SNAPSHOT");
    expect(lastText(agent)).toContain("milk");
    expect(await storedState(agent)).toEqual(milk);
  });

  test("a client that holds no state is given that of the session", async () => {
    const agent = stock();
    await agent.say("add milk to the list");
    const other = stock({ threadId: agent.threadId });
    const run = await other.say("show the list");
    expect(typesOf(run.events).slice(0, 2)).toEqual(["RUN_STARTED", "STATE_SNAPSHOT"]);
    expect(other.state).toEqual(milk);
    expect(lastText(other)).toContain("milk");
  });

  test("any other state is an edit: it replaces, the agent is given it, and readers are told", async () => {
    const agent = stock();
    await agent.say("add milk to the list");
    agent.setState(eggs);
    const run = await agent.say("show the list");
    expect(typesOf(run.events).slice(0, 2)).toEqual(["RUN_STARTED", "STATE_SNAPSHOT"]);
    expect(snapshots(run.events)).toEqual([eggs]);
    expect(lastText(agent)).toContain("eggs");
    expect(agent.state).toEqual(eggs);
    expect(await storedState(agent)).toEqual(eggs);
  });

  test("the first run may bring a state", async () => {
    const agent = stock({ agentId: "recorder", state: eggs });
    const run = await agent.say("one");
    expect(recorder.inputs.at(-1)?.state).toEqual(eggs);
    expect(snapshots(run.events)).toEqual([eggs]);
    expect(await storedState(agent)).toEqual(eggs);
  });

  test("patches of the agent are against the state that it was given", async () => {
    const agent = stock({ agentId: "recorder", state: eggs });
    recorder.script = () => [
      { type: "STATE_DELTA", delta: [{ op: "replace", path: "/theme", value: "light" }] },
      { type: "STATE_DELTA", delta: [{ op: "add", path: "/todos/-", value: { text: "tea", done: true } }] },
    ];
    const run = await agent.say("one");
    const wanted = { theme: "light", todos: [...eggs.todos, { text: "tea", done: true }] };
    expect(run.error).toBeUndefined();
    expect(agent.state).toEqual(wanted);
    expect(await storedState(agent)).toEqual(wanted);
  });

  test("a patch that does not fit is kept, and skipped by everybody", async () => {
    const agent = stock({ agentId: "recorder", state: eggs });
    recorder.script = () => [
      { type: "STATE_DELTA", delta: [{ op: "replace", path: "/nowhere/deep", value: 1 }] },
      { type: "STATE_DELTA", delta: [{ op: "replace", path: "/theme", value: "blue" }] },
    ];
    const run = await agent.say("one");
    expect(run.error).toBeUndefined();
    expect(agent.state).toEqual({ ...eggs, theme: "blue" });
    expect(await storedState(agent)).toEqual({ ...eggs, theme: "blue" });
  });

  test("the agent's state at the end of its last run is what an echo is", async () => {
    const agent = stock({ agentId: "recorder" });
    recorder.script = () => [{ type: "STATE_SNAPSHOT", snapshot: { count: 1 } }];
    await agent.say("one");
    expect(agent.state).toEqual({ count: 1 });
    recorder.script = () => [];
    const run = await agent.say("two");
    expect(recorder.inputs.at(-1)?.state).toEqual({ count: 1 });
    expect(typesOf(run.events)).toEqual(["RUN_STARTED", "RUN_FINISHED"]);
  });
});
