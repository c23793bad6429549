import type { Agent } from "@dragoman/agent";
import type { AguiEvent } from "@dragoman/agui";
import { openMemoryStore } from "@dragoman/event-log";
import { expect, test } from "vitest";
import { type Engine, openEngine } from "../engine.ts";
import { EngineError } from "../errors.ts";
import { agentOf, attach, echoAgent, input, key, readAll, request, types, user } from "../testing/harness.ts";
import type { SpawnRequest } from "./spawn-request.ts";

/** Opens an engine whose default agent is the parent. */
async function engineOf(parent: Agent, echo: Agent, errors: unknown[] = []): Promise<Engine> {
  const find = (asked: string) => ({ agentId: asked || "parent", agent: asked === "echo" ? echo : parent });
  const onError = (error: unknown) => void errors.push(error);
  const add = { name: "add", description: "adds", run: async () => "5" };
  return openEngine({ store: await openMemoryStore(), agents: { find }, onError, functions: [add] });
}

/** A parent that works as a test tells it, and waits for it in between. */
function toldAgent() {
  const inputs: string[] = [];
  let tell: (events: readonly AguiEvent[]) => void = () => {};
  let next = new Promise<readonly AguiEvent[]>((resolve) => {
    tell = resolve;
  });
  let called = () => {};
  const agent = agentOf(async function* ({ threadId, runId }, { signal }) {
    inputs.push(runId);
    called();
    for (;;) {
      const events = await Promise.race([
        next,
        new Promise<[]>((end) => signal.addEventListener("abort", () => end([]))),
      ]);
      next = new Promise((resolve) => {
        tell = resolve;
      });
      yield* events;
      if (events.length === 0 || events.at(-1)?.type === "TOOL_CALL_END") break;
    }
    yield { type: "RUN_FINISHED", threadId, runId };
  });
  /** Resolves with the id of the call when the agent was called so often. */
  const call = async (count: number) => {
    while (inputs.length < count)
      await new Promise<void>((resolve) => {
        called = resolve;
      });
    return inputs[count - 1] ?? "";
  };
  return { agent, call, emit: (...events: AguiEvent[]) => tell(events), finish: () => tell([]) };
}

const task = (taskId: string, runId: string, more: Partial<SpawnRequest> = {}): SpawnRequest => {
  const parent = { sessionId: key.id, runId };
  return { namespace: "default", agentId: "echo", task: "do it", taskId, parent, ...more };
};

const start = (engine: Engine, runId: string) =>
  engine.start(request(input(runId, [user(`u-${runId}`)])), attach());

const refused = (call: Promise<unknown>) =>
  call.then(
    () => "OK",
    (error: unknown) => (error instanceof EngineError ? error.reason : error),
  );

test.each([["r1"], ["r".repeat(256)]])(
  "an agent that was called again with results delegates under the id that it was given: %.10s",
  async (runId) => {
    const parent = toldAgent();
    const engine = await engineOf(parent.agent, echoAgent());
    const { attachment } = await start(engine, runId);
    await parent.call(1);
    parent.emit(
      { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "add" },
      { type: "TOOL_CALL_ARGS", toolCallId: "c", delta: "{}" },
      { type: "TOOL_CALL_END", toolCallId: "c" },
    );
    const given = await parent.call(2);
    expect(given).not.toBe(runId);
    const { answer } = await engine.spawns.run(task("t", given), attach());
    expect(await refused(engine.spawns.run(task("t2", `${runId}.99`), attach()))).toBe("RUN_NOT_FOUND");
    parent.finish();
    expect(types(await readAll(attachment))).toContain("SUBAGENT_FINISHED");
    for (const id of [given, runId])
      expect((await engine.spawns.run(task("t", id), attach())).answer).toEqual(answer);
    expect(await refused(engine.spawns.run(task("new", given), attach()))).toBe("RUN_ENDED");
  },
);

test("a retry that names no run gets the first answer, whatever runs in the session by now", async () => {
  const parent = toldAgent();
  const echo = echoAgent();
  const engine = await engineOf(parent.agent, echo);
  const first = await start(engine, "r1");
  await parent.call(1);
  const both = await Promise.all([1, 2].map(() => engine.spawns.run(task("t", ""), attach())));
  const { answer } = both[0] ?? { answer: undefined };
  expect(both[1]?.answer).toEqual(answer);
  parent.finish();
  await readAll(first.attachment);
  await engine.states.update(key, { change: { kind: "merge", patch: { a: 1 } }, requestId: "q" });
  expect((await engine.spawns.run(task("t", ""), attach())).answer).toEqual(answer);
  const second = await start(engine, "r2");
  await parent.call(2);
  for (const runId of ["", "r1"])
    expect((await engine.spawns.run(task("t", runId), attach())).answer).toEqual(answer);
  const other = task("t", "", { task: "another" });
  expect(await refused(engine.spawns.run(other, attach()))).toBe("RUN_EXISTS");
  expect(echo.inputs.length).toBe(1);
  await engine.spawns.run(task("t", "r2"), attach());
  expect(echo.inputs.length, "of another run it is another task").toBe(2);
  parent.finish();
  expect(types(await readAll(second.attachment)).filter((type) => type === "SUBAGENT_STARTED").length).toBe(
    1,
  );
});

test("a task whose id the parent uses itself is refused each time, before anybody begins it", async () => {
  const parent = toldAgent();
  const echo = echoAgent();
  const engine = await engineOf(parent.agent, echo);
  const { attachment } = await start(engine, "r1");
  await parent.call(1);
  parent.emit({ type: "SUBAGENT_STARTED", subagentRunId: "own", name: "mine" });
  await attachment.next().then(() => attachment.next());
  for (let time = 0; time < 2; time++)
    expect(await refused(engine.spawns.run(task("own", "r1"), attach()))).toBe("RUN_EXISTS");
  parent.emit({ type: "SUBAGENT_FINISHED", subagentRunId: "own" });
  await attachment.next();
  expect(await refused(engine.spawns.run(task("own", "r1"), attach()))).toBe("RUN_EXISTS");
  expect(echo.inputs.length).toBe(0);
  parent.finish();
  expect(types(await readAll(attachment)).at(-1)).toBe("RUN_FINISHED");
});

test("a parent that says of a sub-agent of its host that it ended is believed", async () => {
  const errors: unknown[] = [];
  const parent = toldAgent();
  const child = toldAgent();
  const engine = await engineOf(parent.agent, child.agent, errors);
  const { attachment } = await start(engine, "r1");
  await parent.call(1);
  const done = engine.spawns.run(task("t", "r1"), attach());
  await child.call(1);
  parent.emit({ type: "SUBAGENT_FINISHED", subagentRunId: "t" });
  const shown = await readAll(await engine.observeRun(key, "r1", attach()), 3);
  expect(types(shown)).toEqual(["RUN_STARTED", "SUBAGENT_STARTED", "SUBAGENT_FINISHED"]);
  child.finish();
  expect((await done).answer.outcome).toBe("success");
  parent.finish();
  expect(types(await readAll(attachment)).at(-1)).toBe("RUN_FINISHED");
  expect(errors).toEqual([]);
});
