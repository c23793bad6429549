import { RegisteredAgentState as State } from "@dragoman/contract/orchestrator/v1/registered_agent_pb";
import { createTempFolder, type TempFolder, waitUntil } from "@dragoman/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startChildServer } from "../testing/child-server.ts";
import { readStream } from "../testing/read-stream.ts";
import { startReplica } from "../testing/replica.ts";
import { servicesOver } from "../testing/services.ts";
import { startTestServer } from "../testing/test-server.ts";
import { openWires } from "../testing/wires.ts";

function callsTo(url: string) {
  const wires = openWires(url);
  const { agentRegistry, agui } = servicesOver(wires.transport("gRPC"));
  return { agentRegistry, agui, [Symbol.dispose]: () => wires.close() };
}

const token = "token-1234567890";

describe("what is registered outlives the process", () => {
  let folder: TempFolder;
  beforeEach(async () => {
    folder = await createTempFolder();
  });
  afterEach(() => folder.remove());

  test("its agents run after kill -9, with their credentials, and those that drained are gone", async () => {
    await using host = await startReplica();
    const data = ["--data", folder.path];
    const endpoints = [{ target: host.url, headers: { authorization: `Bearer ${token}` } }];
    await using before = await startChildServer(data);
    {
      using calls = callsTo(before.url);
      for (const agentId of ["kept", "drained"])
        await calls.agentRegistry.registerAgent({ agentId, endpoints });
      const input = { threadId: "t1", runId: "hold", messages: [] };
      void readStream(calls.agui.runAgent({ agentId: "drained", input })).catch(() => {});
      await waitUntil(() => host.held().length === 1, "the run");
      const { agent } = await calls.agentRegistry.deregisterAgent({ agentId: "drained" });
      expect(agent?.state).toBe(State.DRAINING);
    }
    await before.process.kill();
    await using after = await startChildServer(data);
    using calls = callsTo(after.url);
    await waitUntil(
      async () => (await calls.agentRegistry.getAgent({ agentId: "kept" })).agent?.state === State.READY,
      "the agent",
    );
    const ids = (await calls.agentRegistry.listAgents({})).agents.map(({ agentId }) => agentId);
    expect(ids).toContain("kept");
    expect(ids).not.toContain("drained");
    const input = { threadId: "t2", runId: "r", messages: [] };
    const { kinds } = await readStream(calls.agui.runAgent({ agentId: "kept", input }));
    expect(kinds).toEqual(["runStarted", "runFinished"]);
    expect(new Set(host.credentials)).toEqual(new Set([`Bearer ${token}`]));
    for (const { stdout, stderr } of [before.process, after.process])
      expect(stdout + stderr).not.toContain(token);
  });

  test("kill -9 during registrations: what was acknowledged is there, whole, and the rest can be repeated", async () => {
    await using host = await startReplica();
    const data = ["--data", folder.path];
    const acknowledged: string[] = [];
    const register = (calls: ReturnType<typeof callsTo>, agentId: string) =>
      calls.agentRegistry.registerAgent({
        agentId,
        description: `I am ${agentId}.`,
        endpoints: [{ target: host.url }],
      });
    const ids = Array.from({ length: 40 }, (_, n) => `agent-${n}`);
    await using before = await startChildServer(data);
    {
      using calls = callsTo(before.url);
      const registering = ids.map((agentId) =>
        register(calls, agentId).then(
          () => acknowledged.push(agentId),
          () => {},
        ),
      );
      await waitUntil(() => acknowledged.length > 0, "a registration");
      await before.process.kill();
      await Promise.all(registering);
    }
    await using after = await startChildServer(data);
    using calls = callsTo(after.url);
    const { agents } = await calls.agentRegistry.listAgents({ pageSize: 1000 });
    const found = agents.filter(({ agentId }) => ids.includes(agentId));
    expect(found.map(({ agentId }) => agentId)).toEqual(expect.arrayContaining(acknowledged));
    for (const { agentId, description, endpoints } of found) {
      expect(description).toBe(`I am ${agentId}.`);
      expect(endpoints.map(({ target }) => target)).toEqual([host.url]);
    }
    for (const agentId of ids) expect((await register(calls, agentId)).agent?.state).toBe(State.READY);
  });
});

describe("agents that are behind themselves", () => {
  test("two servers that are each other's agent end the run", async () => {
    await using one = await startTestServer();
    await using two = await startTestServer();
    using toOne = callsTo(one.url);
    using toTwo = callsTo(two.url);
    const endpoint = (target: string) => [{ target, remoteAgentId: "circle" }];
    const register = ({ agentRegistry }: typeof toOne, target: string) =>
      agentRegistry.registerAgent({ agentId: "circle", endpoints: endpoint(target) });
    await register(toOne, two.url);
    await register(toTwo, one.url);
    // Registered again as it is, it is checked again.
    expect((await register(toOne, two.url)).agent?.state).toBe(State.READY);
    const input = { threadId: "t", runId: "r", messages: [] };
    const { items } = await readStream(toOne.agui.runAgent({ agentId: "circle", input }));
    expect(items.at(-1)?.item).toMatchObject({
      value: {
        event: {
          case: "runError",
          value: { code: "LIMIT_REACHED", message: expect.stringContaining("behind itself") },
        },
      },
    });
  });
});
