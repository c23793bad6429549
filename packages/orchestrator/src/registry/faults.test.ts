import { LiveInputs } from "@dragoman/agent";
import { openMemoryStore, withFaults } from "@dragoman/event-log";
import { createFaultProxy, seededRandom, waitUntil } from "@dragoman/testing";
import { describe, expect, test } from "vitest";
import { errorOf, openRegistry, registerAt, startHeldHost } from "./testing/harness.ts";

const cancelRun = async () => {};
const forgetting = { graceMs: undefined, cancelRun };

describe("a store that fails", () => {
  test.each([
    ["full", { full: 1 }, "STORAGE_FULL"],
    ["failed before it wrote", { failBefore: 1 }, "STORAGE_UNAVAILABLE"],
  ] as const)("%s: nothing has changed, and it can be tried again", async (_, faults, reason) => {
    const store = withFaults(await openMemoryStore(), { seed: 1, ...faults });
    store.enable(false);
    await using opened = await openRegistry({ store });
    const { registry } = opened;
    await registerAt(registry, "kept", "127.0.0.1:1");
    store.enable(true);
    await expect(registerAt(registry, "new", "127.0.0.1:1")).rejects.toMatchObject({ reason });
    await expect(registry.deregister("kept", "", forgetting)).rejects.toMatchObject({ reason });
    store.enable(false);
    expect(registry.list().map(({ agentId }) => agentId)).toEqual(["kept"]);
    await registerAt(registry, "new", "127.0.0.1:1");
    await registry.deregister("kept", "", forgetting);
    expect(registry.list().map(({ agentId }) => agentId)).toEqual(["new"]);
  });

  test("failed although it wrote: what is kept is what is served", async () => {
    const memory = await openMemoryStore();
    const store = withFaults(memory, { seed: 1, failAfter: 1 });
    await using opened = await openRegistry({ store });
    for (const agentId of ["a", "b"]) await registerAt(opened.registry, agentId, "127.0.0.1:1");
    await opened.registry.deregister("a", "", forgetting);
    expect(store.counts.failAfter).toBe(3);
    expect(opened.registry.list().map(({ agentId }) => agentId)).toEqual(["b"]);
    store.enable(false);
    await using reopened = await openRegistry({ store: memory });
    expect(reopened.registry.list().map(({ agentId }) => agentId)).toEqual(["b"]);
  });
});

test("with connections cut at random, no run is begun twice after an event, and every count ends at zero", async () => {
  const random = seededRandom(7);
  await using one = await startHeldHost();
  await using two = await startHeldHost();
  await using proxyToOne = await createFaultProxy({ port: one.port });
  await using proxyToTwo = await createFaultProxy({ port: two.port });
  const proxies = [proxyToOne, proxyToTwo];
  const hosts = [one, two];
  await using opened = await openRegistry();
  const pool = await registerAt(opened.registry, "a", ...proxies.map(({ url }) => url));
  const runs = await Promise.all(Array.from({ length: 40 }, (_, n) => opened.start("a", `r${n}`)));
  for (let round = 0; round < 30; round++) {
    const host = random.pick(hosts);
    for (const runId of host.held()) if (random.next() < 0.2) host.release(runId);
    if (random.next() < 0.2) random.pick(proxies).cut();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  let isDone = false;
  void Promise.all(runs.map(({ ended }) => ended)).then(() => {
    isDone = true;
  });
  await waitUntil(() => {
    for (const host of hosts) for (const runId of host.held()) host.release(runId);
    return isDone;
  }, "the end of all runs");
  for (const { events } of runs) {
    const last = events.at(-1)?.type;
    expect(last === "RUN_FINISHED" || errorOf(events)?.code === "AGENT_UNAVAILABLE").toBe(true);
    expect(events.filter(({ type }) => type === "STEP_STARTED").length).toBeLessThanOrEqual(1);
  }
  await waitUntil(() => pool.activeRunCount === 0, "no run being counted");
  await waitUntil(() => pool.state === "ready", "both being healthy again");
});

test("an agent that listens while it works is talked to through the registry", async () => {
  const said: string[] = [];
  await using host = await startHeldHost(
    {},
    {
      live: true,
      async *run({ threadId, runId }, { inputs }) {
        yield { type: "STEP_STARTED", stepName: "listen" };
        for await (const input of inputs ?? []) {
          if (input.type === "message") said.push(input.message.id);
          break;
        }
        yield { type: "STEP_FINISHED", stepName: "listen" };
        yield { type: "RUN_FINISHED", threadId, runId };
      },
    },
  );
  await using opened = await openRegistry();
  const pool = await registerAt(opened.registry, "a", host.url);
  expect(pool.capabilities()).toMatchObject({ custom: { live: true } });
  const inputs = new LiveInputs();
  const { signal } = new AbortController();
  const input = { threadId: "t", runId: "r", messages: [] };
  const events = pool.run(input, { signal, agentId: "a", inputs })[Symbol.asyncIterator]();
  const kinds: unknown[] = [];
  for (let next = await events.next(); !next.done; next = await events.next()) {
    const event = "bytes" in next.value ? next.value.event : next.value;
    kinds.push(event.type);
    if (event.type === "STEP_STARTED") {
      inputs.push({ type: "message", message: { id: "m", role: "user", content: "hello" } });
    }
  }
  expect(said).toEqual(["m"]);
  expect(kinds).toEqual(["RUN_STARTED", "STEP_STARTED", "STEP_FINISHED", "RUN_FINISHED"]);
  expect(pool.activeRunCount).toBe(0);
});
