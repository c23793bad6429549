import { openMemoryStore, type Store } from "@dragoman/event-log";
import { expect, test } from "vitest";
import { askingAgent, yes } from "../testing/asking-agent.ts";
import {
  attach,
  engineWith,
  heldAgent,
  input,
  key,
  readAll,
  request,
  runToEnd,
  user,
} from "../testing/harness.ts";

/** A store whose lists of one label wait until they are let go. */
function heldLists(store: Store, label: string) {
  let letGo = () => {};
  let reached = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const isReached = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const list: Store["catalog"]["list"] = async (query) => {
    if (query.label === label) {
      reached();
      await held;
    }
    return store.catalog.list(query);
  };
  const catalog = withMember(store.catalog, "list", list);
  return { store: withMember(store, "catalog", catalog), isReached, letGo: () => letGo() };
}

/** The same, but for one member. */
function withMember<T extends object, K extends keyof T>(whole: T, name: K, member: T[K]): T {
  return new Proxy(whole, {
    get(target, wanted) {
      if (wanted === name) return member;
      const found: unknown = Reflect.get(target, wanted);
      return typeof found === "function" ? found.bind(target) : found;
    },
  });
}

test("what is answered just when a run that waits is to begin goes before it", async () => {
  const { store, isReached, letGo } = heldLists(await openMemoryStore(), "a");
  const asking = askingAgent([{ id: "a", reason: "input" }]);
  const held = { ...heldAgent(), unverified: true };
  const find = (agentId: string) => ({ agentId, agent: agentId === "held" ? held : asking });
  const { engine } = await engineWith(asking, { store, agents: { find } });
  await runToEnd(engine, input("r1", [user("u1")]), { agentId: "asking" });
  // What nobody checks runs beside open questions.
  const busy = await engine.start(request(input("busy"), { agentId: "held" }), attach());
  await held.started;
  const next = request(input("r2", [user("u2")]), { agentId: "asking", ifActive: "queue" });
  const waiting = await engine.start(next, attach());
  asking.ask([]);
  const answer = engine.interrupts.resolve(key, { interruptId: "a", ...yes });
  await isReached;
  held.release();
  await readAll(busy.attachment);
  letGo();
  const { info } = await answer;
  await readAll(waiting.attachment);
  expect(asking.inputs.map(({ runId }) => runId)).toEqual(["r1", info.resumedRunId, "r2"]);
});
