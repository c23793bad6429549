import type { Agent } from "@dragoman/agent";
import type { Interrupt, Message } from "@dragoman/agui";
import { expect, test } from "vitest";
import {
  agentOf,
  echoAgent,
  engineWith,
  input,
  key,
  reduced,
  runToEnd,
  types,
  user,
} from "./testing/harness.ts";

const assistant = (id: string, content: string): Message => ({ id, role: "assistant", content });

test("a client that shows the history to its end adds its new messages, without a snapshot", async () => {
  const agent = echoAgent();
  const { engine } = await engineWith(agent);
  await runToEnd(engine, input("r1", [user("u1")]));
  const history = [user("u1"), assistant("a-r1", "hello r1")];
  const seen = await runToEnd(engine, input("r2", [...history, user("u2")]));
  expect(types(seen)).not.toContain("MESSAGES_SNAPSHOT");
  expect(seen[0]?.event).toMatchObject({ input: { messages: [user("u2")] } });
  expect(agent.inputs[1]?.messages).toEqual([...history, user("u2")]);
});

test("a client that sends only what is new has it appended to the history", async () => {
  const agent = echoAgent();
  const { engine } = await engineWith(agent);
  await runToEnd(engine, input("r1", [user("u1")]));
  const seen = await runToEnd(engine, input("r2", [user("u2")]));
  expect(types(seen)).not.toContain("MESSAGES_SNAPSHOT");
  expect(agent.inputs[1]?.messages.map(({ id }) => id)).toEqual(["u1", "a-r1", "u2"]);
});

test("a client that stops short of the end cuts the history there: regenerate and edit", async () => {
  const agent = echoAgent();
  const { engine } = await engineWith(agent);
  await runToEnd(engine, input("r1", [user("u1")]));
  await runToEnd(engine, input("r2", [user("u2")]));
  const regenerate = await runToEnd(engine, input("r3", [user("u1")]));
  expect(types(regenerate).slice(0, 2)).toEqual(["RUN_STARTED", "MESSAGES_SNAPSHOT"]);
  expect(agent.inputs[2]?.messages.map(({ id }) => id)).toEqual(["u1"]);
  const edit = await runToEnd(engine, input("r4", [user("u1"), user("u1b", "instead")]));
  expect(agent.inputs[3]?.messages.map(({ id }) => id)).toEqual(["u1", "u1b"]);
  expect(reduced(edit).messages.map(({ id }) => id)).toEqual(["u1", "u1b", "a-r4"]);
  const { messages } = await engine.messages(key);
  expect(messages.map(({ id }) => id)).toEqual(["u1", "u1b", "a-r4"]);
});

test("a known id with other content is an edit of what people wrote, and ignored for what agents wrote", async () => {
  const agent = echoAgent();
  const { engine } = await engineWith(agent);
  await runToEnd(engine, input("r1", [user("u1", "old")]));
  const sent = [user("u1", "new"), assistant("a-r1", "forged"), user("u2")];
  const seen = await runToEnd(engine, input("r2", sent));
  expect(types(seen)).toContain("MESSAGES_SNAPSHOT");
  expect(agent.inputs[1]?.messages).toEqual([user("u1", "new"), assistant("a-r1", "hello r1"), user("u2")]);
});

test("RPC callers can say what their messages are", async () => {
  const agent = echoAgent();
  const { engine } = await engineWith(agent);
  await runToEnd(engine, input("r1", [user("u1")]));
  const known = runToEnd(engine, input("r2", [user("u1")]), { history: "append" });
  await expect(known).rejects.toMatchObject({
    reason: "INVALID_INPUT",
    metadata: { path: "/messages/0/id" },
  });
  const stale = runToEnd(engine, input("r3", [user("x")]), { history: "replace", baseSequence: 3 });
  await expect(stale).rejects.toMatchObject({ reason: "STALE_HISTORY" });
  const seen = await runToEnd(engine, input("r4", [user("x")]), { history: "replace", baseSequence: 6 });
  expect(types(seen)).toContain("MESSAGES_SNAPSHOT");
  expect(agent.inputs.at(-1)?.messages).toEqual([user("x")]);
});

test("calls that were never answered get a result in what the agent is given, and only there", async () => {
  const inputs: Message[][] = [];
  const agent = agentOf(async function* ({ threadId, runId, messages }) {
    inputs.push(messages);
    yield { type: "TOOL_CALL_START", toolCallId: `c-${runId}`, toolCallName: "x" };
    yield { type: "TOOL_CALL_END", toolCallId: `c-${runId}` };
    yield { type: "RUN_FINISHED", threadId, runId };
  });
  const { engine } = await engineWith(agent);
  await runToEnd(engine, input("r1", [user("u1")]));
  await runToEnd(engine, input("r2", [user("u2")]));
  const roles = inputs[1]?.map(({ role }) => role);
  expect(roles).toEqual(["user", "assistant", "tool", "user"]);
  expect((await engine.messages(key)).messages.map(({ role }) => role)).toEqual([
    "user",
    "assistant",
    "user",
    "assistant",
  ]);
});

/** Counts in the shared state, and remembers the states it was given. */
function countingAgent(): Agent & { readonly states: unknown[] } {
  const states: unknown[] = [];
  return {
    states,
    async *run({ threadId, runId, state }) {
      states.push(structuredClone(state));
      const count = (state as { count?: number }).count ?? 0;
      yield { type: "STATE_DELTA", delta: [{ op: "add", path: "/count", value: count + 1 }] };
      yield { type: "RUN_FINISHED", threadId, runId };
    },
  };
}

test("no state, an empty one and an echo are the session's; another one is an edit", async () => {
  const agent = countingAgent();
  const { engine } = await engineWith(agent);
  const run = (runId: string, state?: unknown) =>
    runToEnd(engine, input(runId, [], state === undefined ? {} : { state }));
  expect(types(await run("r1"))).not.toContain("STATE_SNAPSHOT");
  expect(types(await run("r2"))).toContain("STATE_SNAPSHOT");
  expect(types(await run("r3", {}))).toContain("STATE_SNAPSHOT");
  expect(types(await run("r4", { count: 3 }))).not.toContain("STATE_SNAPSHOT");
  const edited = await run("r5", { count: 100 });
  expect(types(edited)).toContain("STATE_SNAPSHOT");
  expect(reduced(edited).state).toEqual({ count: 101 });
  expect(agent.states).toEqual([{}, { count: 1 }, { count: 2 }, { count: 3 }, { count: 100 }]);
});

test("an edit of the state can be made to depend on its revision", async () => {
  const { engine } = await engineWith(countingAgent());
  await runToEnd(engine, input("r1"));
  const { stateRevision } = await engine.getSession(key);
  const stale = runToEnd(engine, input("r2", [], { state: { count: 9 } }), {
    ifStateRevision: stateRevision - 1,
  });
  await expect(stale).rejects.toMatchObject({
    reason: "STALE_STATE",
    metadata: { revision: String(stateRevision) },
  });
  const fresh = await runToEnd(engine, input("r3", [], { state: { count: 9 } }), {
    ifStateRevision: stateRevision,
  });
  expect(reduced(fresh).state).toEqual({ count: 10 });
});

const approval: Interrupt = {
  id: "i1",
  reason: "approval",
  toolCallId: "c1",
  responseSchema: { type: "object", properties: { approved: { type: "boolean" } }, required: ["approved"] },
};

/** Asks for approval of everything that it is not resumed with. */
function askingAgent(interrupts: readonly Interrupt[] = [approval]): Agent & { readonly resumed: unknown[] } {
  const resumed: unknown[] = [];
  return {
    resumed,
    async *run({ threadId, runId, resume, messages }) {
      if (resume) {
        resumed.push({ resume, roles: messages.map(({ role }) => role) });
        yield { type: "TOOL_CALL_RESULT", messageId: `res-${runId}`, toolCallId: "c1", content: "done" };
        yield { type: "RUN_FINISHED", threadId, runId };
        return;
      }
      yield { type: "TOOL_CALL_START", toolCallId: "c1", toolCallName: "delete" };
      yield { type: "TOOL_CALL_END", toolCallId: "c1" };
      yield {
        type: "RUN_FINISHED",
        threadId,
        runId,
        outcome: { type: "interrupt", interrupts: [...interrupts] },
      };
    },
  };
}

const answer = (interruptId: string, payload: unknown = { approved: true }) => {
  return { interruptId, status: "resolved" as const, payload };
};

test("a run that does not answer repeats the interrupts and the agent is not called", async () => {
  const agent = askingAgent();
  const { engine } = await engineWith(agent);
  await runToEnd(engine, input("r1", [user("u1")]));
  const seen = await runToEnd(engine, input("r2", [user("u2")]));
  expect(types(seen)).toEqual(["RUN_STARTED", "RUN_FINISHED"]);
  expect(seen[1]?.event).toMatchObject({ outcome: { type: "interrupt", interrupts: [approval] } });
  expect(agent.resumed).toEqual([]);
  expect((await engine.getSession(key)).openInterrupts.map(({ runId }) => runId)).toEqual(["r1"]);
});

test("an answer resumes; the held call has no made-up result; a second answer is refused with the first", async () => {
  const agent = askingAgent();
  const { engine } = await engineWith(agent);
  await runToEnd(engine, input("r1", [user("u1")]));
  const resumed = await runToEnd(engine, input("r2", [], { resume: [answer("i1")] }));
  expect(types(resumed)).toEqual(["RUN_STARTED", "TOOL_CALL_RESULT", "RUN_FINISHED"]);
  expect(agent.resumed).toEqual([{ resume: [answer("i1")], roles: ["user", "assistant"] }]);
  const again = runToEnd(engine, input("r3", [], { resume: [answer("i1", { approved: false })] }));
  await expect(again).rejects.toMatchObject({
    reason: "INTERRUPT_DECIDED",
    metadata: { run_id: "r2", status: "resolved" },
  });
  const joined = await runToEnd(engine, input("r2", [], { resume: [answer("i1")] }));
  expect(joined).toEqual(resumed);
});

test("a payload that breaks the schema is refused before any run, and the interrupt stays open", async () => {
  const agent = askingAgent();
  const { engine } = await engineWith(agent);
  await runToEnd(engine, input("r1", [user("u1")]));
  const bad = runToEnd(engine, input("r2", [], { resume: [answer("i1", { approved: "yes" })] }));
  await expect(bad).rejects.toMatchObject({
    reason: "INVALID_INTERRUPT_PAYLOAD",
    metadata: { interrupt_id: "i1" },
  });
  expect((await engine.getSession(key)).openInterrupts).toHaveLength(1);
  await expect(engine.getRun(key, "r2")).rejects.toMatchObject({ reason: "RUN_NOT_FOUND" });
});

test("an expired interrupt can only be cancelled", async () => {
  const agent = askingAgent([{ id: "i1", reason: "approval", expiresAt: "2020-01-01T00:00:00Z" }]);
  const { engine } = await engineWith(agent);
  await runToEnd(engine, input("r1", [user("u1")]));
  const late = runToEnd(engine, input("r2", [], { resume: [answer("i1")] }));
  await expect(late).rejects.toMatchObject({ reason: "INTERRUPT_EXPIRED" });
  await runToEnd(engine, input("r3", [], { resume: [{ interruptId: "i1", status: "cancelled" }] }));
  expect(agent.resumed).toHaveLength(1);
});

test("partial answers are kept: the agent runs when the last one is there, with all of them", async () => {
  const two = [
    { id: "i1", reason: "a" },
    { id: "i2", reason: "b" },
  ];
  const agent = askingAgent(two);
  const { engine } = await engineWith(agent);
  await runToEnd(engine, input("r1", [user("u1")]));
  const half = await runToEnd(engine, input("r2", [], { resume: [answer("i1")] }));
  expect(half.at(-1)?.event).toMatchObject({ outcome: { interrupts: [{ id: "i2" }] } });
  expect(agent.resumed).toEqual([]);
  await runToEnd(engine, input("r3", [], { resume: [answer("i2")] }));
  expect(agent.resumed).toMatchObject([{ resume: [{ interruptId: "i1" }, { interruptId: "i2" }] }]);
});

test("open interrupts can be answered as cancelled by the request itself", async () => {
  const agent = askingAgent();
  const { engine } = await engineWith(agent);
  await runToEnd(engine, input("r1", [user("u1")]));
  await runToEnd(engine, input("r2", [user("u2")]), { onOpenInterrupts: "cancel" });
  expect(agent.resumed).toMatchObject([{ resume: [{ interruptId: "i1", status: "cancelled" }] }]);
});

test("an id that nobody asked about is passed on, and one answered twice is refused", async () => {
  const agent = askingAgent();
  const { engine } = await engineWith(agent);
  await runToEnd(engine, input("r1", [], { resume: [answer("unknown")] }));
  expect(agent.resumed).toMatchObject([{ resume: [{ interruptId: "unknown" }] }]);
  const twice = runToEnd(engine, input("r2", [], { resume: [answer("i1"), answer("i1")] }));
  await expect(twice).rejects.toMatchObject({ reason: "INVALID_INPUT" });
});
