import { fileURLToPath } from "node:url";
import type { WatchAgentsResponse } from "@dragoman/contract/orchestrator/v1/agent_registry_service_pb";
import {
  AgentEndpointState,
  RegisteredAgentState,
} from "@dragoman/contract/orchestrator/v1/registered_agent_pb";
import { startProcess, waitUntil, withTimeout } from "@dragoman/testing";
import { expect, test } from "vitest";
import { readStream } from "../testing/read-stream.ts";
import { startReplica } from "../testing/replica.ts";
import { servicesOver } from "../testing/services.ts";
import { startTestServer } from "../testing/test-server.ts";
import { openWires } from "../testing/wires.ts";

const program = fileURLToPath(new URL("../testing/replica-process.ts", import.meta.url));

/** Keeps the states of the endpoints of an agent as a watcher is told them. */
async function follow(watch: AsyncIterable<WatchAgentsResponse>, states: Map<string, AgentEndpointState>) {
  for await (const { item } of watch) {
    if (item.case !== "agent") continue;
    for (const { target, state } of item.value.endpoints) states.set(target, state);
  }
}

test("a replica that is killed takes its run with it, leaves the rotation and returns", {
  timeout: 60_000,
}, async () => {
  await using server = await startTestServer();
  const wires = openWires(server.url);
  const { agentRegistry, agui } = servicesOver(wires.transport("gRPC"));
  const killed = await startProcess({ program, ready: /listening on (\S+)/ });
  const target = killed.ready[1] ?? "";
  await using other = await startReplica();
  const endpoints = [{ target }, { target: other.url }];
  const { agent } = await agentRegistry.registerAgent({ agentId: "twins", endpoints });
  expect(agent?.state).toBe(RegisteredAgentState.READY);
  const leaving = new AbortController();
  const seen = [new Map<string, AgentEndpointState>(), new Map<string, AgentEndpointState>()];
  const watches = seen.map((states, n) => {
    const services = servicesOver(wires.transport(n === 0 ? "gRPC" : "gRPC-Web, HTTP/1.1"));
    const watch = services.agentRegistry.watchAgents({ agentId: "twins" }, { signal: leaving.signal });
    return follow(watch, states).catch(() => {});
  });
  const areAll = (state: AgentEndpointState) =>
    waitUntil(() => seen.every((states) => states.get(target) === state), AgentEndpointState[state], {
      timeoutMs: 20_000,
    });
  await areAll(AgentEndpointState.HEALTHY);

  const run = (threadId: string, runId: string, kinds: string[] = []) =>
    readStream(agui.runAgent({ agentId: "twins", input: { threadId, runId, messages: [] } }), ({ item }) => {
      if (item.case === "event") kinds.push(item.value.event.case ?? "");
      return false;
    });
  const kinds: string[][] = [[], []];
  const runs = ["one", "two"].map((threadId, n) => run(threadId, "hold", kinds[n]));
  const counts = async () => {
    const { agent: now } = await agentRegistry.getAgent({ agentId: "twins" });
    return now?.endpoints.map(({ activeRunCount }) => Number(activeRunCount));
  };
  await waitUntil(() => kinds.every((all) => all.includes("stepStarted")), "both having begun");
  expect(await counts()).toEqual([1, 1]);
  await killed.kill();
  const survivor = other.held()[0] ?? "";
  const lost = await withTimeout(
    runs[survivor === "one" ? 1 : 0] as (typeof runs)[0],
    "the end of the lost run",
  );
  expect(lost.items.at(-1)?.item).toMatchObject({
    value: { event: { case: "runError", value: { code: "AGENT_UNAVAILABLE" } } },
  });
  // Whoever comes next is not told: nothing had been emitted.
  for (const threadId of ["three", "four"]) {
    expect((await run(threadId, "r")).kinds).toEqual(["runStarted", "runFinished"]);
  }
  await areAll(AgentEndpointState.UNHEALTHY);
  expect(other.held()).toEqual([survivor]);

  await using returned = await startProcess({
    program,
    args: [new URL(target).port],
    ready: /listening on (\S+)/,
  });
  expect(returned.ready[1]).toBe(target);
  await areAll(AgentEndpointState.HEALTHY);
  void run("five", "hold").catch(() => {});
  await waitUntil(async () => (await counts())?.join() === "1,1", "a run at the one that returned");
  other.release(survivor);
  expect((await runs[survivor === "one" ? 0 : 1])?.kinds.at(-1)).toBe("runFinished");
  leaving.abort();
  await Promise.all(watches);
  wires.close();
});
