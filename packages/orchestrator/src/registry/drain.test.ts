import { openMemoryStore } from "@dragoman/event-log";
import { waitUntil } from "@dragoman/testing";
import { describe, expect, test } from "vitest";
import {
  endpoint,
  errorOf,
  type OpenedRegistry,
  openRegistry,
  registerAt,
  startHeldHost,
} from "./testing/harness.ts";

function deregister({ registry, engine }: OpenedRegistry, agentId: string, target = "", graceMs?: number) {
  const cancelRun = engine.cancelRun.bind(engine);
  return registry.deregister(agentId, target, { graceMs, cancelRun });
}

const outcomeOf = (events: readonly { readonly type: string }[]) => {
  const last = events.at(-1);
  return last?.type === "RUN_FINISHED" && "outcome" in last ? last.outcome : undefined;
};

describe("an agent that is deregistered", () => {
  test("without runs it is gone at once", async () => {
    await using host = await startHeldHost();
    await using opened = await openRegistry();
    await registerAt(opened.registry, "a", host.url);
    expect(await deregister(opened, "a")).toBeUndefined();
    expect(opened.registry.find("a")).toBeUndefined();
    await expect(deregister(opened, "a")).rejects.toMatchObject({ reason: "AGENT_NOT_FOUND" });
    await expect(opened.start("a", "r")).rejects.toMatchObject({ reason: "AGENT_NOT_FOUND" });
  });

  test("with runs it drains: they go on, new ones fail, and the last one takes it along", async () => {
    await using host = await startHeldHost();
    await using opened = await openRegistry();
    await registerAt(opened.registry, "a", host.url);
    const runs = [await opened.start("a", "r1"), await opened.start("a", "r2")];
    await waitUntil(() => host.held().length === 2, "the runs");
    for (let repeat = 0; repeat < 2; repeat++) {
      const pool = await deregister(opened, "a");
      expect([pool?.state, pool?.activeRunCount]).toEqual(["draining", 2]);
    }
    const late = errorOf(await (await opened.start("a", "r3")).ended);
    expect(late).toMatchObject({ code: "AGENT_UNAVAILABLE", message: expect.stringContaining("drains") });
    host.release("r1");
    await runs[0]?.ended;
    expect(opened.registry.find("a")).toBeDefined();
    host.release("r2");
    expect((await runs[1]?.ended)?.at(-1)?.type).toBe("RUN_FINISHED");
    await waitUntil(() => opened.registry.find("a") === undefined, "the end of the agent");
    expect(host.begun).toEqual(["r1", "r2"]);
  });

  test("its grace over, its runs are cancelled; nobody else's are", async () => {
    await using host = await startHeldHost();
    await using opened = await openRegistry();
    await registerAt(opened.registry, "a", host.url);
    await registerAt(opened.registry, "b", host.url);
    const mine = await opened.start("a", "mine");
    const other = await opened.start("b", "other");
    await waitUntil(() => host.held().length === 2, "the runs");
    await deregister(opened, "a", "", 3_600_000);
    await deregister(opened, "a", "", 0);
    expect(outcomeOf(await mine.ended)).toEqual({ type: "cancelled" });
    await waitUntil(() => opened.registry.find("a") === undefined, "the end of the agent");
    host.release("other");
    expect(outcomeOf(await other.ended)).not.toEqual({ type: "cancelled" });
    expect(opened.errors).toEqual([]);
  });

  test("registered again while it drains it takes runs again, and the grace is off", async () => {
    await using host = await startHeldHost();
    await using opened = await openRegistry();
    await registerAt(opened.registry, "a", host.url);
    const run = await opened.start("a", "r1");
    await waitUntil(() => host.held().length === 1, "the run");
    await deregister(opened, "a", "", 100);
    const pool = await registerAt(opened.registry, "a", host.url);
    expect(pool.state).toBe("ready");
    await opened.start("a", "r2");
    await waitUntil(() => host.held().length === 2, "a new run");
    await new Promise((resolve) => setTimeout(resolve, 150));
    host.release("r1");
    expect(outcomeOf(await run.ended)).not.toEqual({ type: "cancelled" });
    expect(opened.registry.find("a")).toBeDefined();
  });

  test("is gone after a restart, also if it still had runs", async () => {
    await using host = await startHeldHost();
    const store = await openMemoryStore();
    const before = await openRegistry({ store });
    await registerAt(before.registry, "drained", host.url);
    await registerAt(before.registry, "kept", host.url);
    await before.start("drained", "r1");
    await waitUntil(() => host.held().length === 1, "the run");
    expect((await deregister(before, "drained"))?.state).toBe("draining");
    await before.close();
    await using after = await openRegistry({ store });
    expect(after.registry.list().map(({ agentId }) => agentId)).toEqual(["kept"]);
  });
});

describe("one endpoint of several that is deregistered", () => {
  test("takes no more runs, and goes with its last one; the agent stays", async () => {
    await using one = await startHeldHost();
    await using two = await startHeldHost();
    const store = await openMemoryStore();
    await using opened = await openRegistry({ store });
    const pool = await registerAt(opened.registry, "a", one.url, two.url);
    const first = await opened.start("a", "r1");
    await waitUntil(() => one.held().length === 1, "the run");
    expect((await deregister(opened, "a", one.url))?.state).toBe("ready");
    expect(pool.endpoints.map(({ isDraining }) => isDraining)).toEqual([true, false]);
    for (const runId of ["r2", "r3"]) await opened.start("a", runId);
    await waitUntil(() => two.held().length === 2, "the others at the other");
    one.release("r1");
    await first.ended;
    await waitUntil(() => pool.endpoints.length === 1, "the end of the endpoint");
    await expect(deregister(opened, "a", one.url)).rejects.toMatchObject({ reason: "AGENT_NOT_FOUND" });
    await expect(deregister(opened, "a", "no target")).rejects.toMatchObject({ reason: "AGENT_NOT_FOUND" });
    await using reopened = await openRegistry({ store });
    expect(reopened.registry.pool("a")?.endpoints.map(({ place }) => place.url)).toEqual([two.url]);
  });

  test("cancels its own runs only when its grace is over", async () => {
    await using one = await startHeldHost();
    await using two = await startHeldHost();
    await using opened = await openRegistry();
    await registerAt(opened.registry, "a", one.url, two.url);
    const runs = [await opened.start("a", "r1"), await opened.start("a", "r2")];
    await waitUntil(() => one.held().length === 1 && two.held().length === 1, "a run at each");
    await deregister(opened, "a", one.url, 0);
    const ended = runs[one.begun[0] === "r1" ? 0 : 1];
    expect(outcomeOf((await ended?.ended) ?? [])).toEqual({ type: "cancelled" });
    expect(two.held()).toHaveLength(1);
  });

  test("is the agent, where it is the last one", async () => {
    await using host = await startHeldHost();
    await using opened = await openRegistry();
    await registerAt(opened.registry, "a", host.url);
    expect(await deregister(opened, "a", `127.0.0.1:${host.port}`)).toBeUndefined();
    expect(opened.registry.find("a")).toBeUndefined();
  });
});

describe("replacing an agent", () => {
  test("lets its runs go on with the old connection; new ones use the new", async () => {
    await using one = await startHeldHost();
    await using two = await startHeldHost();
    await using opened = await openRegistry();
    const { registry } = opened;
    const pool = await registerAt(registry, "a", one.url);
    const old = await opened.start("a", "old");
    await waitUntil(() => one.held().length === 1, "the run");
    const endpoints = [endpoint(two.url)];
    await expect(registerAt(registry, "a", two.url)).rejects.toMatchObject({ reason: "AGENT_EXISTS" });
    expect(await registry.register({ agentId: "a", description: "", endpoints, replace: true })).toBe(pool);
    expect(pool.endpoints.map(({ place }) => place.url)).toEqual([two.url]);
    const fresh = await opened.start("a", "new");
    await waitUntil(() => two.held().length === 1, "the new run");
    expect(pool.activeRunCount).toBe(2);
    one.release("old");
    expect((await old.ended).at(-1)?.type).toBe("RUN_FINISHED");
    await waitUntil(() => pool.activeRunCount === 1, "the end of the old run");
    two.release("new");
    await fresh.ended;
  });

  test("keeps the connection of an endpoint that stays, with its health and its runs", async () => {
    await using one = await startHeldHost();
    await using two = await startHeldHost();
    await using opened = await openRegistry();
    const pool = await registerAt(opened.registry, "a", one.url);
    const [kept] = pool.endpoints;
    await opened.start("a", "r1");
    await waitUntil(() => one.held().length === 1, "the run");
    const endpoints = [endpoint(two.url), endpoint(one.url)];
    await opened.registry.register({ agentId: "a", description: "More.", endpoints, replace: true });
    expect(pool.endpoints[1]).toBe(kept);
    expect(pool.endpoints.map(({ leases }) => leases.size)).toEqual([0, 1]);
    expect(pool.description).toBe("More.");
  });
});
