import type { UserMessage } from "@dragoman/agui";
import { openMemoryStore } from "@dragoman/event-log";
import { expect, test } from "vitest";
import type { Engine } from "../engine.ts";
import {
  agentOf,
  attach,
  echoAgent,
  engineWith,
  heldAgent,
  input,
  key,
  readAll,
  reduced,
  request,
  types,
} from "../testing/harness.ts";
import { liveAgent } from "../testing/live-agent.ts";
import type { ChatMessage } from "./say-message.ts";

const said = (id: string, content = id, more: Partial<ChatMessage> = {}): ChatMessage => {
  return {
    message: { id, role: "user", content } satisfies UserMessage,
    mode: "queue",
    agentId: "",
    ...more,
  };
};
const steered = (id: string, content = id) => said(id, content, { mode: "steer" });
const whole = async (engine: Engine) =>
  readAll(await engine.observeSession(key, attach({ mode: "beginning" }), false));
async function waitUntil(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let round = 0; !(await isSo()); round++) {
    if (round > 2_000) throw new Error(`waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
const idle = (engine: Engine) =>
  waitUntil(async () => (await engine.chats.status(key)).state === "idle", "the chat to be idle");
/** A store in memory that can be made slow. */
async function slowStore() {
  const slow = { delayMs: 0, waiting: 0 };
  const store = await openMemoryStore();
  const log = Object.assign(Object.create(store.log) as typeof store.log, {
    async append(...args: Parameters<typeof store.log.append>) {
      slow.waiting++;
      if (slow.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, slow.delayMs));
      slow.waiting--;
      return store.log.append(...args);
    },
  });
  return { store: { ...store, log, catalog: store.catalog } as typeof store, slow };
}
const textsOf = async (engine: Engine) =>
  (await engine.messages(key)).messages.map(({ id, content }) => `${id}: ${content}`);

test("a message begins a run; said again it is not said twice", async () => {
  const agent = echoAgent();
  const { engine } = await engineWith(agent);
  const first = await engine.chats.say(key, said("m1"));
  expect(first).toMatchObject({ disposition: "started", afterSequence: 0 });
  expect(await engine.chats.say(key, said("m1"))).toEqual(first);
  await idle(engine);
  expect(await engine.chats.say(key, said("m1", "m1", { mode: "steer" }))).toEqual(first);
  expect(agent.inputs).toHaveLength(1);
  await expect(engine.chats.say(key, said("m1", "other"))).rejects.toMatchObject({
    reason: "RUN_EXISTS",
    metadata: { session_id: "t", run_id: first.runId },
  });
});

test("messages while a run is active wait, in order, and are limited", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent, { limits: { queuedRunsMax: 2 } });
  const first = await engine.chats.say(key, said("m1"));
  await agent.started;
  const second = await engine.chats.say(key, said("m2"));
  expect(second).toMatchObject({ disposition: "queued" });
  expect(await engine.chats.say(key, said("m2"))).toMatchObject({
    disposition: "queued",
    runId: second.runId,
  });
  await expect(engine.chats.say(key, said("m2", "other"))).rejects.toMatchObject({ reason: "RUN_EXISTS" });
  await engine.chats.say(key, steered("m3"));
  await expect(engine.chats.say(key, said("m4"))).rejects.toMatchObject({
    reason: "LIMIT_REACHED",
    metadata: { limit: "queuedRunsMax" },
  });
  expect(await engine.chats.status(key)).toMatchObject({
    state: "running",
    runId: first.runId,
    queuedRunCount: 2,
  });
  agent.release();
  await idle(engine);
  const messages = (await engine.messages(key)).messages.filter(({ role }) => role === "user");
  expect(messages.map(({ id }) => id)).toEqual(["m1", "m2", "m3"]);
  expect((await engine.chats.say(key, said("m2"))).disposition).toBe("started");
});

test("a live agent is told while it works: one run, and the message is in the log before it", async () => {
  const agent = liveAgent();
  const { engine } = await engineWith(agent);
  const first = await engine.chats.say(key, steered("m1"));
  await waitUntil(async () => (await textsOf(engine)).length === 2, "the first answer");
  const told = await engine.chats.say(key, steered("m2"));
  expect(told).toMatchObject({ disposition: "steered", runId: first.runId });
  expect(await engine.chats.say(key, steered("m2"))).toEqual(told);
  expect(await engine.chats.say(key, said("m2"))).toEqual(told);
  await expect(engine.chats.say(key, steered("m2", "other"))).rejects.toMatchObject({ reason: "RUN_EXISTS" });
  await engine.chats.say(key, steered("m3", "stop"));
  await idle(engine);
  expect(agent.runs).toHaveLength(1);
  expect(agent.heard.map((input) => input.type === "message" && input.message.id)).toEqual(["m2", "m3"]);
  expect(await textsOf(engine)).toEqual([
    "m1: m1",
    "re-m1: you said m1",
    "m2: m2",
    "re-m2: you said m2",
    "m3: stop",
    "re-m3: you said stop",
  ]);
  const seen = await whole(engine);
  expect(seen[told.afterSequence]?.event).toMatchObject({ type: "TEXT_MESSAGE_START", messageId: "m2" });
  expect(types(seen).filter((type) => type === "RUN_STARTED")).toHaveLength(1);
  // Told again after the run, it is still not said twice.
  expect(await engine.chats.say(key, steered("m2"))).toEqual(told);
});

test("what is more than text, or not to be steered, waits also where the agent is live", async () => {
  const agent = liveAgent();
  const { engine } = await engineWith(agent);
  await engine.chats.say(key, steered("m1"));
  await waitUntil(async () => (await textsOf(engine)).length === 2, "the first answer");
  const parts = [{ type: "text" as const, text: "stop" }];
  const message: UserMessage = { id: "m2", role: "user", content: parts };
  expect((await engine.chats.say(key, { ...steered("m2"), message })).disposition).toBe("queued");
  expect((await engine.chats.say(key, said("m3", "stop"))).disposition).toBe("queued");
  await engine.chats.say(key, steered("m4", "stop"));
  await idle(engine);
  expect(agent.runs).toHaveLength(3);
});

test("what the agent never took begins a run by itself, before those that wait", async () => {
  const { engine } = await engineWith({
    async *run({ threadId, runId, messages }, { inputs }) {
      inputs?.[Symbol.asyncIterator](); // listens, and takes nothing
      const messageId = `a-${runId}`;
      yield { type: "TEXT_MESSAGE_START", messageId, role: "assistant" };
      yield { type: "TEXT_MESSAGE_CONTENT", messageId, delta: messages.map(({ id }) => id).join(" ") };
      while (messages.length === 1 && !release) await new Promise((resolve) => setTimeout(resolve, 5));
      yield { type: "TEXT_MESSAGE_END", messageId };
      yield { type: "RUN_FINISHED", threadId, runId };
    },
  });
  let release = false;
  await engine.chats.say(key, said("m1"));
  await waitUntil(async () => (await textsOf(engine)).length === 2, "the answer to begin");
  expect((await engine.chats.say(key, said("m2"))).disposition).toBe("queued");
  expect((await engine.chats.say(key, steered("m3"))).disposition).toBe("steered");
  expect((await engine.chats.say(key, steered("m4"))).disposition).toBe("steered");
  release = true;
  await idle(engine);
  const runs = (await whole(engine)).flatMap(({ event }) =>
    event.type === "RUN_STARTED" ? [event.input?.messages.map(({ id }) => id)] : [],
  );
  expect(runs).toEqual([["m1"], [], ["m2"]]);
  const texts = await textsOf(engine);
  expect(texts[4]).toMatch(/m1 a-\S+ m3 m4$/);
});

test("what a cancelled agent did not take is answered too; after a reset nothing is", async () => {
  const agent = liveAgent();
  const deaf = {
    ...agent,
    run: (...[input, context]: Parameters<typeof agent.run>) => {
      const { inputs } = context;
      inputs?.[Symbol.asyncIterator]();
      const { inputs: _inputs, ...rest } = context;
      return held(agent.run(input, rest), input.messages.length === 1);
    },
  };
  async function* held(events: ReturnType<typeof agent.run>, isFirst: boolean) {
    for await (const event of events) {
      if (isFirst && "type" in event && event.type === "RUN_FINISHED") await new Promise(() => {});
      yield event;
    }
  }
  const { engine } = await engineWith(deaf);
  for (const end of ["cancel", "reset"] as const) {
    await engine.chats.say(key, said(`${end}-1`));
    await waitUntil(async () => (await textsOf(engine)).length === 2, "the first answer");
    expect((await engine.chats.say(key, steered(`${end}-2`))).disposition).toBe("steered");
    await engine.chats[end](key);
    await idle(engine);
    if (end === "cancel") {
      expect((await textsOf(engine)).at(-1)).toBe("re-cancel-2: you said cancel-2");
      await engine.chats.reset(key);
    }
    expect(await textsOf(engine)).toEqual([]);
  }
  expect(agent.runs).toHaveLength(3);
});

test("a pause holds the agent back, ends by itself, and is told", async () => {
  let produced = 0;
  const { engine } = await engineWith(
    {
      async *run({ threadId, runId }) {
        yield { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" };
        while (produced < 300) {
          produced++;
          yield { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "x" };
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        yield { type: "TEXT_MESSAGE_END", messageId: "m" };
        yield { type: "RUN_FINISHED", threadId, runId };
      },
    },
    { limits: { pauseTimeoutMs: 400 } },
  );
  const { watch, attachment } = await engine.chats.open(key, { agentId: "", attach: attach() });
  await engine.chats.say(key, said("m1"));
  await waitUntil(() => produced > 10, "the agent to work");
  await engine.chats.setPaused(key, true);
  await engine.chats.setPaused(key, true);
  expect(watch.status.state).toBe("paused");
  const atPause = produced;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(produced - atPause).toBeLessThanOrEqual(1);
  await engine.chats.setPaused(key, false);
  await waitUntil(() => produced > atPause + 5, "the agent to go on");
  await engine.chats.setPaused(key, true);
  for (; watch.status.state !== "running"; await watch.changed());
  await idle(engine);
  expect(reduced(await whole(engine)).messages.at(-1)?.content).toBe("x".repeat(300));
  expect(await engine.chats.setPaused(key, true)).toMatchObject({ disposition: "done", runId: "" });
  watch.close();
  attachment.close();
});

test("another message of an id that was told is refused, also after a reset", async () => {
  const { engine } = await engineWith(liveAgent());
  await engine.chats.say(key, steered("m1"));
  await waitUntil(async () => (await textsOf(engine)).length === 2, "the answer");
  const told = await engine.chats.say(key, steered("m2"));
  await engine.chats.reset(key);
  const other = engine.chats.say(key, steered("m2", "other"));
  await expect(other).rejects.toMatchObject({ reason: "RUN_EXISTS", metadata: { run_id: told.runId } });
  expect(await engine.chats.say(key, steered("m2"))).toEqual(told);
});

test("an agent hears that it was paused, and that the pause ended by itself", async () => {
  const agent = liveAgent();
  const { engine } = await engineWith(agent, { limits: { pauseTimeoutMs: 20 } });
  await engine.chats.say(key, steered("m1"));
  await waitUntil(async () => (await textsOf(engine)).length === 2, "the answer");
  await engine.chats.setPaused(key, true);
  await waitUntil(() => agent.heard.length === 2, "the end of the pause");
  expect(agent.heard).toEqual([
    { type: "control", action: "pause" },
    { type: "control", action: "resume" },
  ]);
  await engine.chats.say(key, steered("stop"));
  await idle(engine);
});

test("a cancel between two runs is for the one that the status tells of", async () => {
  const agent = heldAgent();
  const { store, slow } = await slowStore();
  const { engine } = await engineWith(agent, { store });
  const first = await engine.chats.say(key, said("m1"));
  await agent.started;
  const second = await engine.chats.say(key, said("m2"));
  slow.delayMs = 50;
  // These keep the second run from beginning when the first has ended.
  const others = ["m3", "m4", "m5", "m6"].map((id) => engine.chats.say(key, said(id)));
  agent.release();
  await waitUntil(async () => (await engine.chats.status(key)).runId !== first.runId, "the first run to end");
  expect(await engine.chats.cancel(key)).toMatchObject({ runId: second.runId });
  slow.delayMs = 0;
  await Promise.all(others);
  await idle(engine);
  expect((await engine.getRun(key, second.runId)).state).toBe("canceled");
});

test("a reset that waits for the queue gives up with the server", async () => {
  const agent = heldAgent();
  const { store, slow } = await slowStore();
  const { engine } = await engineWith(agent, { store });
  await engine.chats.say(key, said("m1"));
  await agent.started;
  await engine.chats.say(key, said("m2"));
  slow.delayMs = 50;
  const resetting = engine.chats.reset(key);
  const refused = expect(resetting).rejects.toMatchObject({ reason: "SHUTTING_DOWN" });
  await waitUntil(() => slow.waiting > 0, "the cancel to be written");
  await engine.close(60_000);
  await refused;
});

test("a reset cancels what runs and waits, and empties what readers hold; what was stays readable", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent);
  await engine.createSession(key, {}, { a: 1 });
  await engine.chats.say(key, said("m1"));
  await agent.started;
  await engine.chats.say(key, said("m2"));
  await engine.chats.reset(key);
  expect(await engine.chats.status(key)).toMatchObject({ state: "idle", queuedRunCount: 0 });
  const seen = await whole(engine);
  expect(reduced(seen)).toEqual({ messages: [], state: {} });
  expect(seen.at(-4)?.event.metadata).toEqual({ "dragoman-origin": "session" });
  expect(seen.some(({ event }) => event.type === "TEXT_MESSAGE_CONTENT")).toBe(true);
  await engine.chats.reset(key);
  expect(await whole(engine)).toHaveLength(seen.length);
});

test("what is told counts towards the length of the history", async () => {
  const { engine } = await engineWith(liveAgent(), { limits: { historyMessagesMax: 3 } });
  await engine.chats.say(key, steered("m1"));
  await waitUntil(async () => (await textsOf(engine)).length === 2, "the first answer");
  await engine.chats.say(key, steered("m2"));
  await waitUntil(async () => (await textsOf(engine)).length === 4, "the second answer");
  await expect(engine.chats.say(key, steered("m3"))).rejects.toMatchObject({
    reason: "LIMIT_REACHED",
    metadata: { limit: "historyMessagesMax" },
  });
  await engine.chats.reset(key);
});

test("a run that is read in a chat is not cancelled for another one", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent);
  const { watch, attachment } = await engine.chats.open(key, { agentId: "", attach: attach() });
  const { runId } = await engine.chats.say(key, said("m1"));
  await agent.started;
  const other = () => engine.start(request(input("other")), attach());
  await expect(other()).rejects.toMatchObject({ reason: "RUN_ACTIVE" });
  watch.close();
  attachment.close();
  const { attachment: taken } = await other();
  agent.release();
  await readAll(taken);
  expect((await engine.getRun(key, runId)).state).toBe("canceled");
});

test("what is said while the run ends begins another one: it is in the log, and nobody heard it", async () => {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { store, slow } = await slowStore();
  const runs: string[][] = [];
  const agent = agentOf(async function* ({ threadId, runId, messages }, { inputs }) {
    inputs?.[Symbol.asyncIterator]();
    runs.push(messages.map(({ id }) => id));
    yield { type: "CUSTOM", name: "listens", value: null };
    await released;
    yield { type: "RUN_FINISHED", threadId, runId };
  });
  const { engine } = await engineWith(agent, { store });
  await engine.chats.say(key, said("m1"));
  await readAll(await engine.observeRun(key, "", attach()), 2);
  slow.delayMs = 50;
  const saying = engine.chats.say(key, steered("m2"));
  await waitUntil(() => slow.waiting > 0, "the message to be written");
  release();
  const outcome = await saying;
  expect(outcome.disposition).toBe("queued");
  await idle(engine);
  expect(runs).toEqual([["m1"], ["m1", "m2"]]);
  expect(await engine.chats.say(key, steered("m2"))).toMatchObject({ runId: outcome.runId });
});

test("a chat is opened where it is, or made; it takes nothing once it is ended", async () => {
  const { engine } = await engineWith(echoAgent());
  const made = await engine.chats.open(key, { agentId: "agent", initialState: { a: 1 }, attach: attach() });
  expect(made).toMatchObject({ created: true, headSequence: 3 });
  await engine.chats.say(key, said("m1"));
  await idle(engine);
  const seen = await readAll(made.attachment, 7);
  expect(seen.map(({ sequence }) => sequence)).toEqual([4, 5, 6, 7, 8, 9, 10]);
  made.watch.close();
  const again = await engine.chats.open(key, {
    agentId: "",
    initialState: { b: 1 },
    attach: attach({ after: 7 }),
  });
  expect(again).toMatchObject({ created: false, headSequence: 10 });
  expect((await readAll(again.attachment, 3)).map(({ sequence }) => sequence)).toEqual([8, 9, 10]);
  expect((await engine.states.get(key)).state).toEqual({ a: 1 });
  const unknown = engine.chats.open({ ...key, id: "new" }, { agentId: "nobody", attach: attach() });
  await expect(unknown).rejects.toMatchObject({ reason: "AGENT_NOT_FOUND" });
  await engine.endSession(key);
  expect(again.watch.status.state).toBe("ended");
  again.watch.close();
  for (const late of [
    () => engine.chats.say(key, said("m2")),
    () => engine.chats.setPaused(key, true),
    () => engine.chats.cancel(key),
    () => engine.chats.reset(key),
    () => engine.chats.open(key, { agentId: "", attach: attach() }),
  ]) {
    await expect(late()).rejects.toMatchObject({ reason: "SESSION_ENDED" });
  }
});
