import { expect, test } from "vitest";
import { EngineError } from "./errors.ts";
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
  runToEnd,
  types,
  user,
} from "./testing/harness.ts";

const reasonOf = (error: unknown) => (error instanceof EngineError ? error.reason : error);

test("a run is numbered densely and begins with the engine's own RUN_STARTED", async () => {
  const { engine } = await engineWith(echoAgent());
  const seen = await runToEnd(engine, input("r1", [user("u1")]));
  expect(types(seen)).toEqual([
    "RUN_STARTED",
    "TEXT_MESSAGE_START",
    "TEXT_MESSAGE_CONTENT",
    "TEXT_MESSAGE_CONTENT",
    "TEXT_MESSAGE_END",
    "RUN_FINISHED",
  ]);
  expect(seen.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(seen[0]?.event).toEqual({
    type: "RUN_STARTED",
    threadId: "t",
    runId: "r1",
    protocolVersion: "1.0",
    input: { threadId: "t", runId: "r1", messages: [user("u1")], tools: [], context: [], resume: [] },
  });
  expect(reduced(seen).messages).toEqual([
    user("u1"),
    { id: "a-r1", role: "assistant", content: "hello r1" },
  ]);
});

test("the same run with the same input joins, while it runs and after it ended", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent);
  const first = await engine.start(request(input("r1", [user("u1")])), attach());
  await agent.started;
  const second = await engine.start(request(input("r1", [user("u1")], { tools: [], state: {} })), attach());
  expect([first.joined, second.joined]).toEqual([false, true]);
  agent.release();
  const [one, two] = await Promise.all([readAll(first.attachment), readAll(second.attachment)]);
  expect(two).toEqual(one);
  const third = await engine.start(request(input("r1", [user("u1")])), attach());
  expect(await readAll(third.attachment)).toEqual(one);
});

test("the same run with another input is refused", async () => {
  const { engine } = await engineWith(echoAgent());
  await runToEnd(engine, input("r1", [user("u1")]));
  await expect(engine.start(request(input("r1", [user("u2")])), attach())).rejects.toSatisfy(
    (error) => reasonOf(error) === "RUN_EXISTS",
  );
});

test("an agent that is not there is refused and leaves no session", async () => {
  const { engine } = await engineWith(echoAgent());
  const start = engine.start(request(input("r1"), { agentId: "nobody" }), attach());
  await expect(start).rejects.toSatisfy((error) => reasonOf(error) === "AGENT_NOT_FOUND");
  await expect(engine.getSession(key)).rejects.toSatisfy((error) => reasonOf(error) === "SESSION_NOT_FOUND");
});

test("a second run is refused while somebody is attached to the first", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent);
  const { attachment } = await engine.start(request(input("r1")), attach());
  await agent.started;
  const second = engine.start(request(input("r2")), attach());
  await expect(second).rejects.toSatisfy(
    (error) =>
      error instanceof EngineError && error.reason === "RUN_ACTIVE" && error.metadata.run_id === "r1",
  );
  attachment.close();
  agent.release();
});

test("a second run cancels the first where nobody is attached to it any more", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent);
  const { attachment } = await engine.start(request(input("r1")), attach());
  await agent.started;
  attachment.close();
  const second = await engine.start(request(input("r2")), attach());
  await agent.stopped;
  const first = await readAll(await engine.observeRun(key, "r1", attach()));
  expect(first.at(-1)?.event).toMatchObject({
    type: "RUN_FINISHED",
    runId: "r1",
    outcome: { type: "cancelled" },
  });
  expect(types(first).at(-2)).toBe("TEXT_MESSAGE_END");
  agent.release();
  expect(types(await readAll(second.attachment)).at(-1)).toBe("RUN_FINISHED");
});

test("a queued run begins when the one before it has ended, in one dense log", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent);
  const first = await engine.start(request(input("r1")), attach());
  await agent.started;
  const second = await engine.start(request(input("r2"), { ifActive: "queue" }), attach());
  expect((await engine.getRun(key, "r2")).state).toBe("queued");
  agent.release();
  const [one, two] = await Promise.all([readAll(first.attachment), readAll(second.attachment)]);
  const sequences = [...one, ...two].map(({ sequence }) => sequence);
  expect(sequences).toEqual(sequences.map((_, index) => index + 1));
  expect(two[0]?.event).toMatchObject({ type: "RUN_STARTED", runId: "r2" });
});

test("a run outlives its client unless the request says otherwise", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent);
  const kept = await engine.start(request(input("r1")), attach());
  await agent.started;
  kept.attachment.close();
  agent.release();
  expect(types(await readAll(await engine.observeRun(key, "r1", attach()))).at(-1)).toBe("RUN_FINISHED");

  const dropped = heldAgent();
  const other = await engineWith(dropped);
  const disconnect = { action: "cancel", graceMs: 1 } as const;
  const started = await other.engine.start(request(input("r1"), { disconnect }), attach());
  await dropped.started;
  started.attachment.close();
  await dropped.stopped;
  const seen = await readAll(await other.engine.observeRun(key, "r1", attach()));
  expect(seen.at(-1)?.event).toMatchObject({ outcome: { type: "cancelled" } });
});

test("cancel closes what is open, says cancelled, and is the same when repeated", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent);
  const { attachment } = await engine.start(request(input("r1")), attach());
  await agent.started;
  await Promise.all([engine.cancelRun(key, "r1"), engine.cancelRun(key, "")]);
  const seen = await readAll(attachment);
  expect(types(seen).slice(-2)).toEqual(["TEXT_MESSAGE_END", "RUN_FINISHED"]);
  expect(types(seen).filter((type) => type === "RUN_FINISHED")).toHaveLength(1);
  expect((await engine.cancelRun(key, "r1")).state).toBe("canceled");
});

test("what an agent throws, forgets or breaks ends in one RUN_ERROR with everything closed", async () => {
  const start = { type: "TEXT_MESSAGE_START", messageId: "m" } as const;
  const cases = {
    AGENT_ERROR: agentOf(async function* () {
      yield start;
      throw new Error("no more");
    }),
    MISSING_TERMINAL: agentOf(async function* () {
      yield start;
    }),
    PROTOCOL_VIOLATION: agentOf(async function* () {
      yield start;
      yield { type: "TOOL_CALL_END", toolCallId: "x" } as const;
    }),
    INVALID_EVENT: agentOf(async function* () {
      yield start;
      let deep: unknown = 1;
      for (let depth = 0; depth < 40; depth++) deep = [deep];
      yield { type: "CUSTOM", name: "deep", value: deep } as const;
    }),
  };
  for (const [code, agent] of Object.entries(cases)) {
    const { engine } = await engineWith(agent);
    const seen = await runToEnd(engine, input("r1"));
    expect(types(seen)).toEqual(["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_END", "RUN_ERROR"]);
    expect(seen.at(-1)?.event).toMatchObject({ code });
    expect((await engine.getRun(key, "r1")).state).toBe("failed");
  }
});

test("a reader attaches after any sequence and gets exactly the rest", async () => {
  const { engine } = await engineWith(echoAgent());
  const whole = [...(await runToEnd(engine, input("r1"))), ...(await runToEnd(engine, input("r2")))];
  for (let after = 0; after <= whole.length; after++) {
    const rest = await readAll(await engine.observeSession(key, attach({ after }), false));
    expect(rest).toEqual(whole.slice(after));
  }
});

test("a snapshot in the middle of a run leads to what the whole stream leads to", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent);
  const whole = await engine.start(request(input("r1", [user("u1")], { state: { a: 1 } })), attach());
  await agent.started;
  const head = (await engine.getSession(key)).headSequence;
  const late = await engine.observeSession(key, attach({ mode: "snapshot" }), false);
  expect(late.prelude?.sequence).toBeGreaterThanOrEqual(head);
  agent.release();
  const [one, two] = await Promise.all([readAll(whole.attachment), readAll(late)]);
  expect(reduced(two)).toEqual(reduced(one));
});

test("a snapshot of an ended run includes its terminal event", async () => {
  const { engine } = await engineWith(echoAgent());
  const whole = await runToEnd(engine, input("r1", [user("u1")]));
  const seen = await readAll(await engine.observeSession(key, attach({ mode: "snapshot" }), false));
  expect(types(seen)).toEqual(["RUN_STARTED", "MESSAGES_SNAPSHOT", "STATE_SNAPSHOT", "RUN_FINISHED"]);
  expect(reduced(seen)).toEqual(reduced(whole));
});

test("a cursor that is no place in the log is an error that says where to start again", async () => {
  const { engine } = await engineWith(echoAgent());
  await runToEnd(engine, input("r1"));
  const observe = (options: object) => engine.observeSession(key, attach(options), false);
  await expect(observe({ after: 7 })).rejects.toMatchObject({
    reason: "CURSOR_AHEAD",
    metadata: { head_sequence: "6" },
  });
  await expect(observe({ after: 1, logId: "other" })).rejects.toMatchObject({
    reason: "CURSOR_OF_ANOTHER_LOG",
  });
});

test("limits are errors that name them", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent, {
    limits: { queuedRunsMax: 1, activeRunsMax: 1, historyMessagesMax: 2 },
  });
  const first = await engine.start(request(input("r1")), attach());
  await agent.started;
  const other = engine.start(request({ ...input("r1"), threadId: "t2" }), attach());
  await expect(other).rejects.toMatchObject({
    reason: "LIMIT_REACHED",
    metadata: { limit: "activeRunsMax" },
  });
  agent.release();
  await readAll(first.attachment);
  const many = runToEnd(engine, input("r2", [user("1"), user("2"), user("3")]));
  await expect(many).rejects.toMatchObject({ metadata: { limit: "historyMessagesMax" } });
});

test("starts at once do not pass the limit of active runs together", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent, { limits: { activeRunsMax: 2 } });
  const threads = ["t1", "t2", "t3", "t4", "t5"];
  const starts = await Promise.allSettled(
    threads.map((threadId) => engine.start(request({ ...input("r1"), threadId }), attach())),
  );
  expect(starts.filter(({ status }) => status === "fulfilled").length).toBe(2);
  expect(engine.activeRunCount).toBe(2);
  agent.release();
});

test("a run with too many or too large events ends in RUN_ERROR that names the limit", async () => {
  const flood = agentOf(async function* () {
    for (let index = 0; ; index++) yield { type: "CUSTOM", name: "n", value: index } as const;
  });
  const many = await engineWith(flood, { limits: { runEventsMax: 10 } });
  const seen = await runToEnd(many.engine, input("r1"));
  expect(seen).toHaveLength(12);
  expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_ERROR", code: "LIMIT_REACHED" });

  const large = agentOf(async function* () {
    yield { type: "CUSTOM", name: "n", value: "x".repeat(2_000) } as const;
  });
  const small = await engineWith(large, { limits: { eventMaxBytes: 1_000 } });
  expect((await runToEnd(small.engine, input("r1"))).at(-1)?.event).toMatchObject({ code: "LIMIT_REACHED" });
});

test("an agent that changes an object after yielding it does not change the log", async () => {
  const mutating = agentOf(async function* ({ threadId, runId }) {
    const snapshot = { list: [1] };
    yield { type: "STATE_SNAPSHOT", snapshot };
    snapshot.list.push(2);
    yield { type: "STATE_DELTA", delta: [{ op: "add", path: "/list/-", value: 3 }] };
    yield { type: "RUN_FINISHED", threadId, runId };
  });
  const { engine } = await engineWith(mutating);
  const seen = await runToEnd(engine, input("r1"));
  expect(reduced(seen).state).toEqual({ list: [1, 3] });
  const late = await readAll(await engine.observeSession(key, attach({ mode: "snapshot" }), false));
  expect(reduced(late).state).toEqual({ list: [1, 3] });
});

test("an ended session can be read and takes no runs", async () => {
  const { engine } = await engineWith(echoAgent());
  const whole = await runToEnd(engine, input("r1"));
  expect((await engine.endSession(key)).info.state).toBe("ended");
  await expect(runToEnd(engine, input("r2"))).rejects.toMatchObject({ reason: "SESSION_ENDED" });
  const seen = await readAll(await engine.observeSession(key, attach(), false));
  expect(seen.slice(0, -3)).toEqual(whole);
  expect(types(seen.slice(-3))).toEqual(["RUN_STARTED", "CUSTOM", "RUN_FINISHED"]);
});

test("lists page through runs and sessions and refuse a foreign token", async () => {
  const { engine } = await engineWith(echoAgent());
  for (let index = 0; index < 5; index++) await runToEnd(engine, input(`r${index}`));
  const base = { namespace: "default", pageSize: 2, pageToken: "" };
  const ids: string[] = [];
  for (let pageToken = ""; ; ) {
    const page = await engine.listRuns({ ...base, pageToken, sessionId: "t" });
    ids.push(...page.items.map(({ runId }) => runId));
    if (page.nextPageToken === "") break;
    pageToken = page.nextPageToken;
  }
  expect([...ids].sort()).toEqual(["r0", "r1", "r2", "r3", "r4"]);
  const { nextPageToken } = await engine.listRuns(base);
  const foreign = engine.listRuns({ ...base, agentId: "agent", pageToken: nextPageToken });
  await expect(foreign).rejects.toMatchObject({ reason: "INVALID_PAGE_TOKEN" });
  expect((await engine.listSessions(base)).items).toMatchObject([
    { sessionId: "t", runCount: 5, messageCount: 5 },
  ]);
});

test("a session can be made beforehand, with state, tools and context for all its runs", async () => {
  const agent = echoAgent();
  const { engine } = await engineWith(agent);
  const tool = (name: string, description = "") => ({ name, description });
  const options = {
    tools: [tool("a"), tool("b")],
    context: [{ description: "d", value: "v" }],
    messageCountMax: 2,
  };
  await engine.createSession(key, options, { count: 1 });
  await expect(engine.createSession(key)).rejects.toMatchObject({ reason: "SESSION_EXISTS" });
  const seen = await runToEnd(engine, input("r1", [user("u1")], { tools: [tool("b", "own")] }));
  expect(seen[0]?.sequence).toBe(4);
  expect(agent.inputs[0]).toMatchObject({
    state: { count: 1 },
    tools: [tool("a"), tool("b", "own")],
    context: [{ description: "d", value: "v" }],
  });
  const whole = await readAll(await engine.observeSession(key, attach(), false));
  expect(types(whole).slice(0, 4)).toEqual(["RUN_STARTED", "STATE_SNAPSHOT", "RUN_FINISHED", "RUN_STARTED"]);
  const more = runToEnd(engine, input("r2", [user("u2")]));
  await expect(more).rejects.toMatchObject({ metadata: { limit: "message_count_max" } });
  await engine.endSession(key, true);
  expect(reduced(await readAll(await engine.observeSession(key, attach(), false))).state).toEqual({});
});

test("who closes and starts again at once is not refused because the close is noticed late", async () => {
  const agent = heldAgent();
  const { engine } = await engineWith(agent);
  const { attachment } = await engine.start(request(input("r1")), attach());
  await agent.started;
  const second = engine.start(request(input("r2")), attach());
  setTimeout(() => attachment.close(), 20);
  agent.release();
  expect(types(await readAll((await second).attachment)).at(-1)).toBe("RUN_FINISHED");
});

test("an input that cannot be kept is refused and leaves no trace", async () => {
  const { engine } = await engineWith(echoAgent(), { limits: { eventMaxBytes: 1_000 } });
  const large = runToEnd(engine, input("r1", [user("u1", "x".repeat(2_000))]));
  await expect(large).rejects.toMatchObject({
    reason: "LIMIT_REACHED",
    metadata: { limit: "eventMaxBytes" },
  });
  await expect(engine.getSession(key)).rejects.toMatchObject({ reason: "SESSION_NOT_FOUND" });
});

test("an interrupt that the catalog cannot keep ends the run in an error, not in silence", async () => {
  for (const id of ["x".repeat(10_000), "\ud800"]) {
    const agent = agentOf(async function* ({ threadId, runId }) {
      const outcome = { type: "interrupt" as const, interrupts: [{ id, reason: "r" }] };
      yield { type: "RUN_FINISHED", threadId, runId, outcome };
    });
    const { engine } = await engineWith(agent);
    const seen = await runToEnd(engine, input("r1"));
    expect(seen.at(-1)?.event).toMatchObject(
      id === "\ud800" ? { type: "RUN_FINISHED" } : { type: "RUN_ERROR", code: "EVENT_NOT_STORABLE" },
    );
  }
});

test("an id that is no text is refused", async () => {
  const { engine } = await engineWith(echoAgent());
  await expect(runToEnd(engine, input("r\ud800"))).rejects.toMatchObject({ reason: "INVALID_INPUT" });
});

test("lists have the last made first, also what was made within a millisecond", async () => {
  const { engine } = await engineWith(echoAgent(), { now: () => 1_700_000_000_000 });
  const made = ["b", "a", "d", "c"];
  for (const threadId of made) {
    await engine.createSession({ namespace: "default", id: threadId });
    for (const runId of made) await runToEnd(engine, { ...input(runId), threadId });
  }
  const page = { namespace: "default", pageSize: 0, pageToken: "" };
  const { items: sessions } = await engine.listSessions(page);
  expect(sessions.map(({ sessionId }) => sessionId)).toEqual(made.toReversed());
  const { items: runs } = await engine.listRuns({ ...page, sessionId: "a" });
  expect(runs.map(({ runId }) => runId)).toEqual(made.toReversed());
});
