import { waitUntil, withTimeout } from "@dragoman/testing";
import { expect, test } from "vitest";
import type { AgentWatch, AgentWatchItem } from "./agent-watch.ts";
import { type OpenedRegistry, openRegistry, registerAt, startHeldHost } from "./testing/harness.ts";

const agents = [{ agentId: "own", agent: { async *run() {} } }];

function watchAll({ registry }: OpenedRegistry, agentId = "", idleMs = 60_000): AgentWatch {
  return registry.watch({ agentId, idleMs, signal: new AbortController().signal });
}

async function take(watch: AgentWatch, count: number): Promise<AgentWatchItem[]> {
  const items: AgentWatchItem[] = [];
  while (items.length < count) items.push(await withTimeout(watch.next(), "the next item"));
  return items;
}

const deregister = ({ registry }: OpenedRegistry, agentId: string) =>
  registry.deregister(agentId, "", { graceMs: undefined, cancelRun: async () => {} });

test("all as they are, then that these were all, then what changes", async () => {
  await using host = await startHeldHost();
  await using opened = await openRegistry({ agents });
  await registerAt(opened.registry, "a", host.url);
  const [one, two] = [watchAll(opened), watchAll(opened, "b")];
  expect(await take(one, 3)).toEqual([{ agentId: "own" }, { agentId: "a" }, { agentCount: 2 }]);
  expect(await take(two, 1)).toEqual([{ agentCount: 0 }]);
  await registerAt(opened.registry, "b", host.url);
  for (const watch of [one, two]) expect(await take(watch, 1)).toEqual([{ agentId: "b" }]);
  const run = await opened.start("b", "r");
  await waitUntil(() => host.held().length === 1, "the run");
  for (const watch of [one, two]) expect(await take(watch, 1)).toEqual([{ agentId: "b" }]);
  expect(opened.registry.pool("b")?.activeRunCount).toBe(1);
  await deregister(opened, "b");
  for (const watch of [one, two]) expect(await take(watch, 1)).toEqual([{ agentId: "b" }]);
  host.release("r");
  await run.ended;
  for (const watch of [one, two]) expect(await take(watch, 1)).toEqual([{ removedAgentId: "b" }]);
});

test("who is slow gets each agent once, as it is by then, and holds no more than there are", async () => {
  await using opened = await openRegistry({ agents });
  const watch = watchAll(opened);
  expect(await take(watch, 2)).toEqual([{ agentId: "own" }, { agentCount: 1 }]);
  for (let n = 0; n < 20; n++) {
    await registerAt(opened.registry, `gone-${n}`, "127.0.0.1:1");
    await deregister(opened, `gone-${n}`);
  }
  for (let n = 0; n < 3; n++) {
    await registerAt(opened.registry, "a", "127.0.0.1:1");
    if (n < 2) await deregister(opened, "a");
  }
  expect(await take(watch, 1)).toEqual([{ agentId: "a" }]);
  await deregister(opened, "a");
  await registerAt(opened.registry, "b", "127.0.0.1:1");
  expect(await take(watch, 2)).toEqual([{ removedAgentId: "a" }, { agentId: "b" }]);
});

test("a silence is told, and changes after it are not lost; an abort ends the watch", async () => {
  await using opened = await openRegistry();
  const abort = new AbortController();
  const watch = opened.registry.watch({ agentId: "", idleMs: 20, signal: abort.signal });
  expect(await take(watch, 3)).toEqual([{ agentCount: 0 }, "idle", "idle"]);
  await registerAt(opened.registry, "a", "127.0.0.1:1");
  expect(await take(watch, 2)).toEqual([{ agentId: "a" }, "idle"]);
  const ending = watch.next();
  abort.abort(new Error("left"));
  await expect(ending).rejects.toThrow("left");
  watch.close();
});

test("ends when the registry closes", async () => {
  await using opened = await openRegistry();
  const watch = watchAll(opened);
  expect(await take(watch, 1)).toEqual([{ agentCount: 0 }]);
  const ending = watch.next();
  opened.registry.close();
  await expect(ending).rejects.toMatchObject({ reason: "SHUTTING_DOWN" });
  watch.close();
});
