import type { Agent } from "@dragoman/agent";
import type { Interrupt, Json } from "@dragoman/agui";
import { openMemoryStore } from "@dragoman/event-log";
import { describe, expect, test } from "vitest";
import type { Engine } from "../engine.ts";
import { askingAgent, cancelled, deny, toolCall, yes } from "../testing/asking-agent.ts";
import {
  attach,
  engineWith,
  heldAgent,
  input,
  key,
  readAll,
  runToEnd,
  types,
  user,
} from "../testing/harness.ts";

const question = (id: string, more: Partial<Interrupt> = {}): Interrupt => ({ id, reason: "input", ...more });

/** An engine whose agent asked in run r1. */
async function asked(interrupts: readonly Interrupt[], more: { now?: () => number } = {}) {
  const agent = askingAgent(interrupts);
  const { engine, store } = await engineWith(agent, more);
  await runToEnd(engine, input("r1", [user("u1")], { tools: [toolCall.tool] }));
  return { agent, engine, store };
}

/** Waits until a run has ended, and returns it. */
async function ended(engine: Engine, runId: string) {
  await readAll(await engine.observeRun(key, runId, attach()));
  return engine.getRun(key, runId);
}

const ids = (infos: readonly { interrupt: Interrupt }[]) => infos.map(({ interrupt }) => interrupt.id);

describe("an answer", () => {
  test("starts the run that goes on, which is given it and what the interrupted run was given", async () => {
    const { agent, engine } = await asked([question("a", { toolCallId: toolCall.id })]);
    const { info, open } = await engine.interrupts.resolve(key, { interruptId: "a", ...yes });
    expect(open).toEqual([]);
    expect(info).toMatchObject({ state: "decided", agentId: "agent", runId: "r1", toolName: "delete" });
    const run = await ended(engine, info.resumedRunId ?? "");
    expect(run).toMatchObject({ state: "succeeded", parentRunId: "r1", agentId: "agent" });
    expect(run.resumeRecord).toBeUndefined();
    expect(agent.inputs).toHaveLength(2);
    expect(agent.inputs[1]).toMatchObject({
      resume: [{ interruptId: "a", ...yes }],
      tools: [toolCall.tool],
      messages: [{ id: "u1" }, { id: "call" }],
    });
    expect((await engine.getSession(key)).openInterrupts).toEqual([]);
  });

  test("is in the log as what the resumed run was begun with", async () => {
    const { engine } = await asked([question("a"), question("b")]);
    await engine.interrupts.resolve(key, { interruptId: "a", ...yes });
    const { info } = await engine.interrupts.resolve(key, { interruptId: "b", ...deny });
    const seen = await readAll(await engine.observeRun(key, info.resumedRunId ?? "", attach()));
    expect(types(seen)).toEqual(["RUN_STARTED", "CUSTOM", "RUN_FINISHED"]);
    expect(seen[0]?.event).toMatchObject({
      input: {
        resume: [
          { interruptId: "a", ...yes },
          { interruptId: "b", ...deny },
        ],
      },
    });
  });

  test("that is the same again gets the first one's outcome; another is refused", async () => {
    const { agent, engine } = await asked([question("a")]);
    const first = await engine.interrupts.resolve(key, { interruptId: "a", ...yes });
    await ended(engine, first.info.resumedRunId ?? "");
    expect(await engine.interrupts.resolve(key, { interruptId: "a", runId: "r1", ...yes })).toEqual(first);
    await expect(engine.interrupts.resolve(key, { interruptId: "a", ...deny })).rejects.toMatchObject({
      reason: "INTERRUPT_DECIDED",
      metadata: { interrupt_id: "a", status: "resolved", run_id: first.info.resumedRunId },
    });
    expect(agent.inputs).toHaveLength(2);
  });

  test("to nothing is refused", async () => {
    const { engine } = await asked([question("a")]);
    const refused = { reason: "INTERRUPT_NOT_FOUND" };
    await expect(engine.interrupts.resolve(key, { interruptId: "x", ...yes })).rejects.toMatchObject(refused);
    await expect(
      engine.interrupts.resolve(key, { interruptId: "a", runId: "r2", ...yes }),
    ).rejects.toMatchObject(refused);
    await expect(
      engine.interrupts.resolve({ ...key, id: "no" }, { interruptId: "a", ...yes }),
    ).rejects.toMatchObject({ reason: "SESSION_NOT_FOUND" });
  });

  test("names its run where several have an interrupt of that id", async () => {
    const { agent, engine } = await asked([question("a")]);
    const first = await engine.interrupts.resolve(key, { interruptId: "a", ...yes });
    await ended(engine, first.info.resumedRunId ?? "");
    agent.ask([question("a")]);
    await runToEnd(engine, input("r2", [user("u2")]));
    await expect(engine.interrupts.resolve(key, { interruptId: "a", ...yes })).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
      metadata: { run_ids: "r2,r1" },
    });
    const second = await engine.interrupts.resolve(key, { interruptId: "a", runId: "r2", ...deny });
    expect(second.info).toMatchObject({ runId: "r2", answer: deny });
  });

  test("that does not match the schema leaves the interrupt open", async () => {
    const schema = { type: "object", properties: { approved: { type: "boolean" } }, required: ["approved"] };
    const { agent, engine } = await asked([question("a", { responseSchema: schema })]);
    await expect(
      engine.interrupts.resolve(key, { interruptId: "a", status: "resolved", payload: { approved: "yes" } }),
    ).rejects.toMatchObject({ reason: "INVALID_INTERRUPT_PAYLOAD", metadata: { path: "/approved" } });
    expect(ids((await engine.getSession(key)).openInterrupts)).toEqual(["a"]);
    await engine.interrupts.resolve(key, { interruptId: "a", ...yes });
    expect(agent.inputs.length).toBeLessThanOrEqual(2);
  });

  test.each([
    [{ path: 7 }, "/editedArgs/path"],
    [{}, "/editedArgs"],
    ["text", "/editedArgs"],
  ])("with edited arguments %j is refused where the tool does not take them", async (editedArgs, path) => {
    const { engine } = await asked([question("a", { toolCallId: toolCall.id })]);
    const payload = { approved: true, editedArgs };
    const bad = engine.interrupts.resolve(key, { interruptId: "a", status: "resolved", payload });
    await expect(bad).rejects.toMatchObject({ reason: "INVALID_INTERRUPT_PAYLOAD", metadata: { path } });
    const resume = [{ interruptId: "a", status: "resolved" as const, payload }];
    await expect(runToEnd(engine, input("r2", [], { resume, tools: [toolCall.tool] }))).rejects.toMatchObject(
      { reason: "INVALID_INTERRUPT_PAYLOAD" },
    );
    await engine.interrupts.resolve(key, {
      interruptId: "a",
      status: "resolved",
      payload: { approved: true, editedArgs: { path: "/tmp" } },
    });
  });

  test("with edited arguments is checked against a tool that is registered", async () => {
    const agent = askingAgent([question("a", { toolCallId: toolCall.id })]);
    const { engine } = await engineWith(agent);
    await engine.createSession(key);
    await engine.tools.register(key, [{ tool: toolCall.tool, executor: { kind: "client" } }], false);
    await runToEnd(engine, input("r1", [user("u1")]));
    const edit = (editedArgs: Json) => {
      const payload = { approved: true, editedArgs };
      return engine.interrupts.resolve(key, { interruptId: "a", status: "resolved", payload });
    };
    await expect(edit({ path: 1 })).rejects.toMatchObject({ metadata: { path: "/editedArgs/path" } });
    await edit({ path: "/tmp" });
  });

  test("that a schema takes for ever to check is refused in time", async () => {
    const responseSchema = { type: "string", pattern: "^(a+)+$" };
    const { engine } = await asked([question("a", { responseSchema })]);
    const answer = (payload: string) =>
      engine.interrupts.resolve(key, { interruptId: "a", status: "resolved", payload });
    await expect(answer(`${"a".repeat(40)}!`)).rejects.toMatchObject({
      reason: "INVALID_INTERRUPT_PAYLOAD",
      message: expect.stringContaining("in time"),
    });
    await answer("aaa");
  });

  test("with edited arguments is refused where no call is asked about", async () => {
    const { engine } = await asked([question("a")]);
    const payload = { approved: true, editedArgs: {} };
    const bad = engine.interrupts.resolve(key, { interruptId: "a", status: "resolved", payload });
    await expect(bad).rejects.toMatchObject({ reason: "INVALID_INTERRUPT_PAYLOAD" });
  });
});

describe("several interrupts of a run", () => {
  test("are decided one by one, and the run goes on with the last", async () => {
    const { agent, engine } = await asked([question("a"), question("b"), question("c")]);
    const first = await engine.interrupts.resolve(key, { interruptId: "b", ...yes });
    expect(first.info).toMatchObject({ state: "decided" });
    expect(first.info.resumedRunId).toBeUndefined();
    expect(ids(first.open)).toEqual(["a", "c"]);
    await engine.interrupts.resolve(key, { interruptId: "c", ...cancelled });
    expect(agent.inputs).toHaveLength(1);
    const last = await engine.interrupts.resolve(key, { interruptId: "a", ...deny });
    await ended(engine, last.info.resumedRunId ?? "");
    expect(agent.inputs[1]?.resume?.map(({ interruptId }) => interruptId).sort()).toEqual(["a", "b", "c"]);
    const again = await engine.interrupts.resolve(key, { interruptId: "b", ...yes });
    expect(again.info.resumedRunId).toBe(last.info.resumedRunId);
  });

  test("are answered partly by one way and partly by the other", async () => {
    const { agent, engine } = await asked([question("a"), question("b")]);
    await engine.interrupts.resolve(key, { interruptId: "a", ...yes });
    // A client that was not told answers all that it knows of.
    const resume = [
      { interruptId: "a", ...yes },
      { interruptId: "b", ...deny },
    ];
    await runToEnd(engine, input("r2", [], { resume }));
    expect(agent.inputs[1]?.resume).toEqual(resume);
    const { info } = await engine.interrupts.resolve(key, { interruptId: "a", ...yes });
    expect(info.resumedRunId).toBe("r2");
    await expect(engine.interrupts.resolve(key, { interruptId: "b", ...yes })).rejects.toMatchObject({
      reason: "INTERRUPT_DECIDED",
      metadata: { run_id: "r2" },
    });
  });

  test("are answered partly by a run, which asks for the rest, and then one by one", async () => {
    const { agent, engine } = await asked([question("a"), question("b")]);
    const resume = [{ interruptId: "b", ...deny }];
    await runToEnd(engine, input("r2", [], { resume }));
    expect(agent.inputs).toHaveLength(1);
    const { info } = await engine.interrupts.resolve(key, { interruptId: "a", ...yes });
    await ended(engine, info.resumedRunId ?? "");
    expect(agent.inputs[1]?.resume).toEqual([...resume, { interruptId: "a", ...yes }]);
  });

  test("that were answered one way are not answered otherwise by a run", async () => {
    const { agent, engine } = await asked([question("a"), question("b")]);
    await engine.interrupts.resolve(key, { interruptId: "a", ...yes });
    const resume = [
      { interruptId: "a", ...deny },
      { interruptId: "b", ...deny },
    ];
    await expect(runToEnd(engine, input("r2", [], { resume }))).rejects.toMatchObject({
      reason: "INTERRUPT_DECIDED",
      metadata: { interrupt_id: "a", run_id: "" },
    });
    expect(ids((await engine.getSession(key)).openInterrupts)).toEqual(["b"]);
    expect(agent.inputs).toHaveLength(1);
  });

  test("keep the calls of all answers open for the agent", async () => {
    const { agent, engine } = await asked([question("a", { toolCallId: toolCall.id }), question("b")]);
    await engine.interrupts.resolve(key, { interruptId: "a", ...yes });
    const { info } = await engine.interrupts.resolve(key, { interruptId: "b", ...yes });
    await ended(engine, info.resumedRunId ?? "");
    expect(agent.inputs[1]?.messages.map(({ role }) => role)).toEqual(["user", "assistant"]);
  });
});

describe("answers at once", () => {
  test.each([1, 2, 3, 4, 5, 6])("have one winner, one by one and by runs (%i)", async () => {
    const { agent, engine } = await asked([question("a")]);
    const by = (answer: typeof yes) => engine.interrupts.resolve(key, { interruptId: "a", ...answer });
    const run = (runId: string) =>
      runToEnd(engine, input(runId, [], { resume: [{ interruptId: "a", ...deny }] }), { ifActive: "queue" });
    const outcomes = await Promise.allSettled([by(yes), run("r2"), by(deny), run("r3"), by(yes)]);
    const { openInterrupts } = await engine.getSession(key);
    expect(openInterrupts).toEqual([]);
    const won = outcomes.filter(({ status }) => status === "fulfilled");
    expect(won.length).toBeGreaterThan(0);
    const calls = agent.inputs.filter(({ resume = [] }) => resume.length > 0);
    expect(calls).toHaveLength(1);
  });
});

describe("a run that somebody approved", () => {
  /** It is active, and nobody is connected to it. */
  async function approved() {
    const held = heldAgent();
    const asking = askingAgent([question("a")]);
    const agent: Agent = {
      run: (runInput, context) =>
        (runInput.resume ?? []).length > 0 ? held.run(runInput, context) : asking.run(runInput, context),
    };
    const { engine } = await engineWith(agent);
    await runToEnd(engine, input("r1", [user("u1")]));
    const { info } = await engine.interrupts.resolve(key, { interruptId: "a", ...yes });
    await held.started;
    return { engine, held, runId: info.resumedRunId ?? "" };
  }

  test("is not stopped by a client that starts another", async () => {
    const { engine, held, runId } = await approved();
    await expect(runToEnd(engine, input("r2", [user("u2")]))).rejects.toMatchObject({
      reason: "RUN_ACTIVE",
      metadata: { run_id: runId },
    });
    held.release();
    expect((await ended(engine, runId)).state).toBe("succeeded");
  });

  test("is not stopped by an answer that comes late", async () => {
    const { engine, held, runId } = await approved();
    const resume = [{ interruptId: "a", ...deny }];
    await expect(runToEnd(engine, input("r2", [], { resume }), { ifActive: "cancel" })).rejects.toMatchObject(
      { reason: "INTERRUPT_DECIDED" },
    );
    held.release();
    expect((await ended(engine, runId)).state).toBe("succeeded");
  });
});

describe("time", () => {
  const at = (time: number) => new Date(time).toISOString();

  test("is over: only a cancellation is taken, and then nothing starts", async () => {
    let now = 1_000_000;
    const { agent, engine } = await asked([question("a", { expiresAt: at(1_500_000) })], { now: () => now });
    now = 2_000_000;
    await expect(engine.interrupts.resolve(key, { interruptId: "a", ...yes })).rejects.toMatchObject({
      reason: "INTERRUPT_EXPIRED",
    });
    const { info } = await engine.interrupts.resolve(key, { interruptId: "a", ...cancelled });
    expect(info).toMatchObject({ state: "decided", answer: { status: "cancelled" } });
    expect(info.resumedRunId).toBeUndefined();
    expect(agent.inputs).toHaveLength(1);
    expect((await engine.interrupts.resolve(key, { interruptId: "a", ...cancelled })).info).toEqual(info);
    agent.ask([]);
    await runToEnd(engine, input("r2", [user("u2")]));
    expect(agent.inputs).toHaveLength(2);
  });

  test("is not over: a cancellation is an answer, and the agent is told", async () => {
    const { agent, engine } = await asked([question("a")]);
    const { info } = await engine.interrupts.resolve(key, { interruptId: "a", ...cancelled });
    await ended(engine, info.resumedRunId ?? "");
    expect(agent.inputs[1]?.resume).toEqual([{ interruptId: "a", ...cancelled }]);
  });

  test("is over for one of two: the run goes on with the answer to the other", async () => {
    let now = 1_000_000;
    const both = [question("a", { expiresAt: at(1_500_000) }), question("b")];
    const { agent, engine } = await asked(both, { now: () => now });
    await engine.interrupts.resolve(key, { interruptId: "b", ...yes });
    now = 2_000_000;
    const { info } = await engine.interrupts.resolve(key, { interruptId: "a", ...cancelled });
    await ended(engine, info.resumedRunId ?? "");
    expect(agent.inputs).toHaveLength(2);
  });
});

describe("sessions", () => {
  test("that end cancel what waits, and take no answers", async () => {
    const { agent, engine } = await asked([question("a")]);
    await engine.endSession(key);
    expect((await engine.getSession(key)).openInterrupts).toEqual([]);
    await expect(engine.interrupts.resolve(key, { interruptId: "a", ...yes })).rejects.toMatchObject({
      reason: "SESSION_ENDED",
    });
    const { info } = await engine.interrupts.resolve(key, { interruptId: "a", ...cancelled });
    expect(info).toMatchObject({ state: "decided" });
    expect(agent.inputs).toHaveLength(1);
  });

  test("hold as many interrupts as the limit says; a run with more fails", async () => {
    const agent = askingAgent([question("a"), question("b"), question("c")]);
    const { engine } = await engineWith(agent, { limits: { openInterruptsMax: 2 } });
    const seen = await runToEnd(engine, input("r1", [user("u1")]));
    expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_ERROR", code: "LIMIT_REACHED" });
    expect((await engine.getSession(key)).openInterrupts).toEqual([]);
  });

  test("remember an answer however many came after it", async () => {
    const { agent, engine } = await asked([question("first")]);
    await engine.interrupts.resolve(key, { interruptId: "first", ...yes });
    agent.ask(Array.from({ length: 900 }, (_, index) => question(`q${index}`)));
    for (const round of [1, 2]) {
      await runToEnd(engine, input(`ask${round}`, [user(`u${round}`)]), { ifActive: "queue" });
      await runToEnd(engine, input(`cancel${round}`), { onOpenInterrupts: "cancel" });
    }
    const resume = [{ interruptId: "first", ...yes }];
    await expect(runToEnd(engine, input("late", [], { resume }))).rejects.toMatchObject({
      reason: "INTERRUPT_DECIDED",
    });
  });
});

test("what waits and what was decided is there after a restart", async () => {
  const store = await openMemoryStore();
  const agent = askingAgent([question("a"), question("b")]);
  const { engine } = await engineWith(agent, { store });
  await runToEnd(engine, input("r1", [user("u1")]));
  await engine.interrupts.resolve(key, { interruptId: "a", ...yes });
  const second = await engineWith(agent, { store });
  const { info } = await second.engine.interrupts.resolve(key, { interruptId: "b", ...deny });
  await ended(second.engine, info.resumedRunId ?? "");
  expect(agent.inputs[1]?.resume).toEqual([
    { interruptId: "a", ...yes },
    { interruptId: "b", ...deny },
  ]);
});
