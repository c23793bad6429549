import type { Agent, AgentOutput } from "@dragoman/agent";
import { type AgentHost, serve } from "@dragoman/agent/serve";
import { type AguiEvent, createReducer } from "@dragoman/agui";
import {
  ChatControl_Action as Action,
  ChatMode,
  ChatDisposition as Disposition,
  ChatStatus_State as State,
} from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import { createFaultProxy, type FaultProxy, waitUntil } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Services, servicesOver } from "../testing/services.ts";
import { Talk } from "../testing/talk.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, type Wires } from "../testing/wires.ts";

/** Answers each thing that is said, in a message of its own, until it is "stop"; counts what it makes. */
const chatty: Agent & { produced: number; isStopped: boolean } = {
  live: true,
  produced: 0,
  isStopped: false,
  async *run({ threadId, runId, messages }, { inputs }): AsyncGenerator<AgentOutput> {
    const answer = function* (id: string, content: unknown): Generator<AguiEvent> {
      const messageId = `re-${id}`;
      yield { type: "TEXT_MESSAGE_START", messageId, role: "assistant" };
      yield { type: "TEXT_MESSAGE_CONTENT", messageId, delta: `you said ${content}` };
      yield { type: "TEXT_MESSAGE_END", messageId };
    };
    let last = messages.findLast(({ role }) => role === "user");
    const said = inputs?.[Symbol.asyncIterator]();
    while (last) {
      if (last.content === "work") yield* work();
      yield* answer(last.id, last.content);
      if (last.content === "stop" || !said || last.content === "work") break;
      const next = await said.next();
      if (next.done) break;
      if (next.value.type === "message") last = next.value.message;
    }
    yield { type: "RUN_FINISHED", threadId, runId };
  },
};
async function* work(): AsyncGenerator<AguiEvent> {
  yield { type: "TEXT_MESSAGE_START", messageId: "work", role: "assistant" };
  try {
    for (let n = 0; n < 100_000; n++) {
      chatty.produced++;
      yield { type: "TEXT_MESSAGE_CONTENT", messageId: "work", delta: "x".repeat(1_000) };
      if (n % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    chatty.isStopped = true;
  }
  yield { type: "TEXT_MESSAGE_END", messageId: "work" };
}

let host: AgentHost;
let proxy: FaultProxy;
let inner: TestServer;
let server: TestServer;
let wires: Wires;
let all: Services;
beforeAll(async () => {
  host = await serve({ chatty, mute: { run: chatty.run } });
  inner = await startTestServer({ agent: [`far=grpc:${host.url}`], defaultAgent: "far" });
  proxy = await createFaultProxy({ port: host.port });
  const muteHost = await serve({ run: chatty.run });
  const agent = [
    `near=grpc:127.0.0.1:${proxy.port}`,
    `behind=grpc:${inner.url}`,
    `mute=grpc:${muteHost.url}`,
  ];
  server = await startTestServer({ agent });
  wires = openWires(server.url);
  all = servicesOver(wires.transport("gRPC"));
  closeMute = () => muteHost.close();
});
let closeMute = async () => {};
afterAll(async () => {
  wires.close();
  await server.close();
  await inner.close();
  await proxy.close();
  await host.close();
  await closeMute();
});

const dispositions = ({ decisions }: Talk) =>
  decisions.map((one) => ("disposition" in one ? one.disposition : one.reason));
const runCount = ({ events }: Talk) => events.filter(({ event }) => event.type === "RUN_STARTED").length;
function messagesOf({ events }: Talk) {
  const reducer = createReducer({});
  for (const { event } of events) reducer.push(event);
  return reducer.messages.map(({ id, role, content }) => ({ id, role, content }));
}
const answered = (id: string) => (talk: Talk) => talk.texts[`re-${id}`] !== undefined;

/** Says two things and "stop", each after the answer to the one before. */
async function converse(agentId: string, mode: ChatMode): Promise<Talk> {
  const talk = new Talk(all, { agentId, mode });
  talk.say("m1", "hello");
  await talk.until(answered("m1"), "the first answer");
  talk.say("m2", "more");
  await talk.until(answered("m2"), "the second answer");
  talk.say("m3", "stop");
  talk.done();
  await talk.ended;
  expect(talk.outcome).toBe("ok");
  expect(talk.events.map(({ sequence }) => sequence)).toEqual(talk.events.map((_, index) => index + 1));
  return talk;
}

const conversation = [
  { id: "m1", role: "user", content: "hello" },
  { id: "re-m1", role: "assistant", content: "you said hello" },
  { id: "m2", role: "user", content: "more" },
  { id: "re-m2", role: "assistant", content: "you said more" },
  { id: "m3", role: "user", content: "stop" },
  { id: "re-m3", role: "assistant", content: "you said stop" },
];

describe("an agent elsewhere", () => {
  test.each([
    ["near", [Disposition.STARTED, Disposition.STEERED, Disposition.STEERED], 1],
    ["behind", [Disposition.STARTED, Disposition.STEERED, Disposition.STEERED], 1],
    ["mute", [Disposition.STARTED, Disposition.QUEUED, Disposition.QUEUED], 3],
  ] as const)("that is %s is heard alike", async (agentId, expected, runs) => {
    const talk = await converse(agentId, ChatMode.STEER);
    expect(messagesOf(talk)).toEqual(conversation);
    const isLive = agentId !== "mute";
    // Whether a run that is not live has ended by the next message is a matter of time.
    if (isLive) expect(dispositions(talk)).toEqual(expected);
    expect(runCount(talk)).toBe(runs);
  });

  test("is held back by a pause, wherever it is", async () => {
    const talk = new Talk(all, { agentId: "behind", mode: ChatMode.STEER });
    chatty.produced = 0;
    talk.say("m1", "work");
    await waitUntil(() => chatty.produced > 100, "the agent to work");
    talk.control(Action.PAUSE);
    await talk.until(({ statuses }) => statuses.at(-1)?.state === State.PAUSED, "the pause");
    const isHeld = async () => {
      const before = chatty.produced;
      await new Promise((resolve) => setTimeout(resolve, 150));
      return chatty.produced === before;
    };
    await waitUntil(isHeld, "the agent to be held back");
    const held = chatty.produced;
    talk.control(Action.RESUME);
    await waitUntil(() => chatty.produced > held + 100, "the agent to go on");
    talk.control(Action.CANCEL);
    talk.done();
    await talk.ended;
    await waitUntil(() => chatty.isStopped, "the agent to be stopped");
    expect(talk.events.at(-1)?.event).toMatchObject({ outcome: { type: "cancelled" } });
  });

  test("that is lost leaves nothing unanswered: what it was told and did not take begins a run", async () => {
    const talk = new Talk(all, { agentId: "near", mode: ChatMode.STEER });
    talk.say("m1", "hello");
    await talk.until(answered("m1"), "the first answer");
    proxy.stall();
    talk.say("m2", "stop");
    expect(await talk.decided(2)).toMatchObject({ disposition: Disposition.STEERED });
    proxy.cut();
    proxy.resume();
    talk.done();
    await talk.ended;
    expect(talk.outcome).toBe("ok");
    expect(talk.events.flatMap(({ event }) => (event.type === "RUN_ERROR" ? [event.code] : []))).toEqual([
      "AGENT_UNAVAILABLE",
    ]);
    expect(runCount(talk)).toBe(2);
    expect(talk.texts["re-m2"]).toBe("you said stop");
  });
});

describe("the demo agent", () => {
  test("is talked to while it counts", async () => {
    const talk = new Talk(all, { agentId: "demo", mode: ChatMode.STEER });
    talk.say("m1", "count to 500 every 50 ms");
    await talk.until(({ texts }) => Object.values(texts).some((text) => text.includes(" 3")), "numbers");
    talk.say("m2", "What is 6 * 7?");
    await talk.until(({ texts }) => Object.values(texts).includes("6 * 7 = 42"), "the answer");
    talk.say("m3", "stop");
    talk.done();
    await talk.ended;
    expect(dispositions(talk)).toEqual([Disposition.STARTED, Disposition.STEERED, Disposition.STEERED]);
    expect(Object.values(talk.texts).at(-1)).toMatch(/^I stop at \d+\.$/);
    expect(runCount(talk)).toBe(1);
  });

  test("is told by single calls too, and other clients see it", async () => {
    const watcher = new Talk(all, { agentId: "demo" });
    await watcher.until(({ items }) => items.length > 0, "the chat");
    const ready = watcher.items[0]?.item;
    const chatId = ready?.case === "ready" ? ready.value.chatId : "";
    const say = (id: string, content: string) => {
      const input = { input: { case: "message", value: { id, role: "user", content } } } as const;
      return all.chat.sendChatInput({ chatId, mode: ChatMode.STEER, input });
    };
    const first = await say("m1", "count to 500 every 50 ms");
    await watcher.until(({ texts }) => Object.values(texts).some((text) => text.includes(" 3")), "numbers");
    const stop = await say("m2", "stop");
    expect(stop).toMatchObject({ disposition: Disposition.STEERED, runId: first.runId });
    expect(await say("m2", "stop")).toMatchObject({
      disposition: Disposition.STEERED,
      runId: first.runId,
      afterSequence: stop.afterSequence,
    });
    watcher.done();
    await watcher.ended;
    expect(watcher.texts.m2).toBe("stop");
    expect(runCount(watcher)).toBe(1);
  });
});
