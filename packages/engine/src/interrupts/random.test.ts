import type { Interrupt } from "@dragoman/agui";
import { openMemoryStore, withFaults } from "@dragoman/event-log";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Engine } from "../engine.ts";
import { type InterruptInfo, readEntry } from "../entries.ts";
import { askingAgent, cancelled, deny, yes } from "../testing/asking-agent.ts";
import { attach, engineWith, input, key, readAll, runToEnd, user } from "../testing/harness.ts";

const ids = ["a", "b", "c"];
const question = (id: string): Interrupt => ({ id, reason: "input" });
const answers = { yes, deny, cancelled };

const anAnswer = fc.record({
  interruptId: fc.constantFrom(...ids),
  answer: fc.constantFrom("yes", "deny", "cancelled"),
});
/** What people and clients do, at once or one after another. */
const aStep = fc.record({
  how: fc.constantFrom("resolve", "resume", "resume queued", "restart"),
  answers: fc.uniqueArray(anAnswer, {
    minLength: 1,
    maxLength: 3,
    selector: ({ interruptId }) => interruptId,
  }),
  waits: fc.boolean(),
});

async function doStep(
  engine: Engine,
  { how, answers: given }: typeof aStep extends fc.Arbitrary<infer T> ? T : never,
  n: number,
) {
  const entries = given.map(({ interruptId, answer }) => ({
    interruptId,
    ...answers[answer as keyof typeof answers],
  }));
  if (how === "resolve") {
    for (const entry of entries) await engine.interrupts.resolve(key, { runId: "r1", ...entry });
    return;
  }
  const ifActive = how === "resume queued" ? "queue" : "default";
  await runToEnd(engine, input(`client-${n}`, [], { resume: entries }), { ifActive });
}

test("whatever happens, the agent is given each answer that was taken, once", {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(aStep, { maxLength: 8 }), fc.integer(), async (steps, seed) => {
      const inner = await openMemoryStore();
      const store = withFaults(inner, { seed, full: 0.1, delay: 0.3, maxDelayMs: 1 });
      store.enable(false);
      const agent = askingAgent(ids.map(question));
      let { engine } = await engineWith(agent, { store });
      await runToEnd(engine, input("r1", [user("u1")]));
      store.enable(true);
      const doing: Promise<unknown>[] = [];
      for (const [n, step] of steps.entries()) {
        if (step.how === "restart") {
          await Promise.all(doing);
          await engine.close(1_000);
          store.enable(false);
          engine = (await engineWith(agent, { store })).engine;
          store.enable(true);
          continue;
        }
        const one = doStep(engine, step, n).catch(() => {});
        doing.push(one);
        if (step.waits) await one;
      }
      await Promise.all(doing);
      store.enable(false);
      // Whoever is left to answer does.
      for (const { interrupt, runId } of (await engine.getSession(key)).openInterrupts)
        await engine.interrupts.resolve(key, { interruptId: interrupt.id, runId, ...yes });
      await readAll(await engine.observeSession(key, attach({ mode: "beginning" }), false));

      const entries = await inner.catalog.list({ kind: "interrupt", parent: key.id, limit: 10 });
      const infos = entries
        .map((entry) => readEntry<InterruptInfo>(entry))
        .filter(({ runId }) => runId === "r1");
      expect(infos.map(({ state }) => state)).toEqual(["decided", "decided", "decided"]);
      const runIds = new Set(infos.map(({ resumedRunId }) => resumedRunId));
      expect(runIds.size).toBe(1);
      const [runId = ""] = runIds;
      const acted = agent.inputs.filter((one) => one.runId === runId);
      expect(acted, JSON.stringify(await engine.getRun(key, runId))).toHaveLength(1);
      const byId = (a: { interruptId: string }, b: { interruptId: string }) =>
        a.interruptId < b.interruptId ? -1 : 1;
      const taken = infos.flatMap(({ answer }) => (answer ? [answer] : []));
      expect([...(acted[0]?.resume ?? [])].sort(byId)).toEqual(taken.sort(byId));
      await engine.close(1_000);
    }),
    { numRuns: 40 },
  );
});
