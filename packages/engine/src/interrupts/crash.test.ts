import { openMemoryStore } from "@dragoman/event-log";
import { describe, expect, test } from "vitest";
import type { Engine } from "../engine.ts";
import { askingAgent, deny, yes } from "../testing/asking-agent.ts";
import { dyingStore } from "../testing/dying-store.ts";
import {
  attach,
  engineWith,
  heldAgent,
  input,
  key,
  readAll,
  request,
  runToEnd,
  types,
  user,
} from "../testing/harness.ts";

const question = (id: string) => ({ id, reason: "input" });
const all = () => attach({ mode: "beginning" });

/** Everything that was asked is answered, as somebody does who tries again after a crash. */
async function answerAll(engine: Engine, ids: readonly string[]): Promise<string> {
  let runId = "";
  for (const interruptId of ids) {
    const { info } = await engine.interrupts.resolve(key, { interruptId, ...yes });
    runId = info.resumedRunId ?? runId;
  }
  return runId;
}

describe.each([{ ids: ["a"] }, { ids: ["a", "b"] }])("answers to $ids, and a crash", ({ ids }) => {
  test.each([0, 1, 2, 3, 4])("after %i appends: none is lost, and nothing is done twice", async (appends) => {
    const store = await openMemoryStore();
    const dying = dyingStore(store);
    const agent = askingAgent(ids.map(question));
    const first = await engineWith(agent, { store: dying.store });
    await runToEnd(first.engine, input("r1", [user("u1")]));
    const dead = dying.dieAfter(appends);
    const answered = answerAll(first.engine, ids).then((runId) =>
      first.engine.observeRun(key, runId, all()).then(readAll),
    );
    await Promise.race([dead, answered]);
    const actedBefore = agent.acted.length;

    const { engine } = await engineWith(agent, { store });
    const runId = await answerAll(engine, ids);
    const seen = await readAll(await engine.observeRun(key, runId, all()));
    const { state } = await engine.getRun(key, runId);
    expect(agent.acted.length).toBe(1);
    expect(state).toBe(actedBefore === 1 && types(seen).at(-1) === "RUN_ERROR" ? "failed" : "succeeded");
    if (state === "failed") expect(seen.at(-1)?.event).toMatchObject({ code: "NODE_LOST" });
    expect(types(seen).filter((type) => type === "RUN_STARTED")).toHaveLength(1);
    const asked = agent.inputs.at(-1);
    expect(asked?.resume).toEqual(ids.map((interruptId) => ({ interruptId, ...yes })));
    expect(asked?.messages.map(({ id }) => id)).toEqual(["u1"]);
  });
});

describe("a crash before the agent of a resumed run is called", () => {
  /** Leaves a run that began with an answer, and whose agent was not called. */
  async function begun(answer: (engine: Engine) => Promise<unknown>) {
    const store = await openMemoryStore();
    const dying = dyingStore(store);
    const agent = askingAgent([question("a")]);
    const { engine } = await engineWith(agent, { store: dying.store });
    await runToEnd(engine, input("r1", [user("u1")], { state: { n: 1 } }));
    const dead = dying.dieAfter(1);
    void answer(engine);
    await dead;
    expect(agent.acted).toEqual([]);
    return { store, agent };
  }

  test("is over with a run that a client started: it is given its messages, state and answers", async () => {
    const resume = [{ interruptId: "a", ...deny }];
    const { store, agent } = await begun((engine) =>
      engine.start(
        request(input("r2", [user("u1"), user("u2")], { resume, state: { n: 2 }, forwardedProps: { x: 1 } })),
        attach(),
      ),
    );
    const { engine } = await engineWith(agent, { store });
    const seen = await readAll(await engine.observeRun(key, "r2", all()));
    expect(types(seen)).toEqual(["RUN_STARTED", "STATE_SNAPSHOT", "CUSTOM", "RUN_FINISHED"]);
    expect(agent.inputs.at(-1)).toMatchObject({ resume, state: { n: 2 }, forwardedProps: { x: 1 } });
    expect(agent.inputs.at(-1)?.messages.map(({ id }) => id)).toEqual(["u1", "u2"]);
  });

  test("ends as cancelled where that was asked", async () => {
    const { store, agent } = await begun((engine) =>
      engine.interrupts.resolve(key, { interruptId: "a", ...yes }),
    );
    const [entry] = await store.catalog.list({ kind: "run", states: ["running"], limit: 2 });
    if (!entry) throw new Error("no run is in the catalog");
    const info = { ...JSON.parse(new TextDecoder().decode(entry.value)), cancelRequested: true };
    await store.catalog.put([{ put: { ...entry, value: new TextEncoder().encode(JSON.stringify(info)) } }]);
    const { engine } = await engineWith(agent, { store });
    const seen = await readAll(await engine.observeRun(key, entry.id, all()));
    expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_FINISHED", outcome: { type: "cancelled" } });
    expect(agent.acted).toEqual([]);
  });

  test("fails where the agent is gone", async () => {
    const { store } = await begun((engine) => engine.interrupts.resolve(key, { interruptId: "a", ...yes }));
    const { engine } = await engineWith(heldAgent(), { store, agents: { find: () => undefined } });
    const seen = await readAll(await engine.observeSession(key, all(), false));
    expect(seen.at(-1)?.event).toMatchObject({ type: "RUN_ERROR", code: "AGENT_NOT_FOUND" });
  });
});

test("an answer while another run is active makes the one that goes on wait, before all others, also over a crash", async () => {
  const store = await openMemoryStore();
  const asking = askingAgent([question("a")]);
  const held = { ...heldAgent(), unverified: true };
  const find = (agentId: string) => ({ agentId, agent: agentId === "held" ? held : asking });
  const options = { store, agents: { find } };
  const { engine } = await engineWith(asking, options);
  await runToEnd(engine, input("r1", [user("u1")]), { agentId: "asking" });
  // What nobody checks runs beside open questions.
  await engine.start(request(input("busy"), { agentId: "held" }), attach());
  await held.started;
  await engine.start(request(input("r2", [user("u2")]), { agentId: "asking", ifActive: "queue" }), attach());
  const { info } = await engine.interrupts.resolve(key, { interruptId: "a", ...yes });
  expect((await engine.getRun(key, info.resumedRunId ?? "")).state).toBe("queued");
  asking.ask([]);

  const second = await engineWith(asking, options);
  await readAll(await second.engine.observeRun(key, "r2", all()));
  expect(asking.inputs.map(({ runId }) => runId)).toEqual(["r1", info.resumedRunId, "r2"]);
  expect(asking.inputs[1]?.resume).toEqual([{ interruptId: "a", ...yes }]);

  held.release();
  await readAll(await engine.observeRun(key, "busy", all())).catch(() => {});
});
