import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import type { WatchAgentsResponse } from "@dragoman/contract/orchestrator/v1/agent_registry_service_pb";
import {
  AgentEndpointState,
  AgentProtocol,
  RegisteredAgentState as State,
} from "@dragoman/contract/orchestrator/v1/registered_agent_pb";
import { waitUntil, withTimeout } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readStream } from "../testing/read-stream.ts";
import { type Replica, startReplica } from "../testing/replica.ts";
import { type Services, servicesOver } from "../testing/services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { openWires, refusedCall, type WireName, type Wires, wireNames } from "../testing/wires.ts";

let server: TestServer;
let wires: Wires;
let host: Replica;
let all: Services;

beforeAll(async () => {
  server = await startTestServer({ heartbeatMs: "200" });
  wires = openWires(server.url);
  all = servicesOver(wires.transport("gRPC"));
  host = await startReplica();
});
afterAll(async () => {
  wires.close();
  await server.close();
  await host[Symbol.asyncDispose]();
});

const over = (name: WireName): Services => servicesOver(wires.transport(name));
const nobody = "127.0.0.1:1";
const builtIn = ["demo", "script", "script-unverified"];

/** Runs an agent that ends at once, and returns the kinds of its events. */
async function kindsOf(services: Services, agentId: string, threadId: string): Promise<readonly string[]> {
  const input = { threadId, runId: "r", messages: [], forwardedProps: undefined };
  return (await readStream(services.agui.runAgent({ agentId, input }))).kinds;
}

/** The next item of a watch that is no heartbeat. */
async function nextOf(stream: AsyncIterator<WatchAgentsResponse>): Promise<WatchAgentsResponse["item"]> {
  for (;;) {
    const { value } = await withTimeout(stream.next(), "the next item");
    if (value.item.case !== "heartbeat") return value.item;
  }
}

describe.each(wireNames)("over %s", (name) => {
  test("an agent is registered, watched, shown, run and taken away", async () => {
    const { agentRegistry, agui } = over(name);
    const agentId = `agent:${wireNames.indexOf(name)}`;
    const watching = new AbortController();
    const watch = agentRegistry.watchAgents({ agentId }, { signal: watching.signal })[Symbol.asyncIterator]();
    expect(await nextOf(watch)).toMatchObject({ case: "caughtUp", value: { agentCount: 0n } });
    const endpoints = [{ target: host.url, headers: { Authorization: "Bearer token-of-it" } }];
    const { agent } = await agentRegistry.registerAgent({ agentId, description: "Helps.", endpoints });
    expect(agent).toMatchObject({ agentId, description: "Helps.", kind: "grpc", state: State.READY });
    expect(agent?.capabilities?.identity?.name).toBe("Held");
    expect(agent?.endpoints).toMatchObject([
      {
        target: host.url,
        headers: { authorization: "" },
        state: AgentEndpointState.HEALTHY,
        errorMessage: "",
      },
    ]);
    expect((await nextOf(watch)).case).toBe("agent");
    expect((await agentRegistry.getAgent({ agentId })).agent).toMatchObject({ agentId, state: State.READY });
    const { agents } = await agentRegistry.listAgents({});
    expect(agents.map((one) => one.agentId)).toEqual([...builtIn, agentId]);
    expect((await agui.getServiceInfo({ agentId })).agents).toMatchObject([
      { id: agentId, kind: "grpc", description: "Helps.", capabilities: { identity: { name: "Held" } } },
    ]);
    expect(await kindsOf(over(name), agentId, `t-${agentId}`)).toEqual(["runStarted", "runFinished"]);
    expect(await agentRegistry.deregisterAgent({ agentId })).not.toHaveProperty("agent.agentId");
    for (;;) {
      const item = await nextOf(watch);
      if (item.case === "agent") continue;
      expect(item).toEqual({ case: "removedAgentId", value: agentId });
      break;
    }
    watching.abort();
  });

  test("what is refused says why", async () => {
    const { agentRegistry } = over(name);
    expect(await refusedCall(agentRegistry.getAgent({ agentId: "none" }))).toMatchObject({
      code: Code.NotFound,
      reason: "AGENT_NOT_FOUND",
      metadata: { agent_id: "none" },
    });
    expect(await refusedCall(agentRegistry.deregisterAgent({ agentId: "demo" }))).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "AGENT_BUILT_IN",
      metadata: { agent_id: "demo" },
    });
    const endpoints = [{ target: "http://169.254.169.254" }];
    expect(await refusedCall(agentRegistry.registerAgent({ agentId: "x", endpoints }))).toMatchObject({
      code: Code.PermissionDenied,
      reason: "ENDPOINT_NOT_ALLOWED",
      metadata: { host: "169.254.169.254" },
      message: expect.stringContaining("--allow-endpoint"),
    });
  });
});

describe("what is refused", () => {
  const register = (agentId: string, target: string, more = {}) =>
    refusedCall(all.agentRegistry.registerAgent({ agentId, endpoints: [{ target }], ...more }));

  test.each([
    ["", nobody],
    ["no spaces", nobody],
    ["-first", nobody],
    ["a".repeat(257), nobody],
    ["a", ""],
    ["a", `http://${"a".repeat(2048)}`],
  ])("agent %j at %j by the rules of the contract", async (agentId, target) => {
    expect((await register(agentId, target)).code).toBe(Code.InvalidArgument);
  });

  test("no endpoint, too many, and headers that HTTP cannot carry", async () => {
    const many = Array.from({ length: 65 }, (_, n) => ({ target: `127.0.0.1:${n + 1}` }));
    const bad = [{ target: nobody, headers: { "x-key": "a\nb" } }];
    for (const endpoints of [[], many, bad]) {
      const refused = await refusedCall(all.agentRegistry.registerAgent({ agentId: "a", endpoints }));
      expect(refused.code).toBe(Code.InvalidArgument);
    }
  });

  test.each(["http://127.0.0.1:1/path", "http://user:secret@127.0.0.1:1", "name"])(
    "the target %s",
    async (target) => {
      const refused = await register("a", target);
      expect(refused).toMatchObject({ code: Code.InvalidArgument, reason: "INVALID_REQUEST" });
      expect(refused.message).not.toContain("secret");
    },
  );

  test("this server itself, by every name of it", async () => {
    const { port } = new URL(server.url);
    for (const target of [server.url, `127.0.0.1:${port}`, `localhost:${port}`]) {
      expect(await register("self", target)).toMatchObject({
        code: Code.InvalidArgument,
        reason: "INVALID_REQUEST",
      });
    }
  });

  test("what is registered otherwise, and an agent of the program", async () => {
    await all.agentRegistry.registerAgent({ agentId: "taken", endpoints: [{ target: nobody }] });
    await all.agentRegistry.registerAgent({ agentId: "taken", endpoints: [{ target: nobody }] });
    for (const [agentId, more] of [
      ["taken", {}],
      ["demo", { replace: true }],
    ] as const) {
      expect(await register(agentId, "127.0.0.1:2", more)).toMatchObject({
        code: Code.AlreadyExists,
        reason: "AGENT_EXISTS",
        metadata: { agent_id: agentId },
      });
    }
    const gone = all.agentRegistry.deregisterAgent({ agentId: "taken", target: "127.0.0.1:2" });
    expect(await refusedCall(gone)).toMatchObject({ code: Code.NotFound, reason: "AGENT_NOT_FOUND" });
    await all.agentRegistry.deregisterAgent({ agentId: "taken" });
  });

  test("a page token of another list", async () => {
    for (const pageToken of ["x", Buffer.from('["agents",1,0,null]').toString("base64url")]) {
      const listing = all.agentRegistry.listAgents({ pageToken });
      expect(await refusedCall(listing)).toMatchObject({
        code: Code.InvalidArgument,
        reason: "INVALID_PAGE_TOKEN",
      });
    }
  });
});

test("agents are listed by pages and by state, also while others come and go", async () => {
  const { agentRegistry } = all;
  const add = (agentId: string, target: string) =>
    agentRegistry.registerAgent({ agentId, endpoints: [{ target }] });
  for (const n of [1, 2, 3, 4]) await add(`page-${n}`, n === 2 ? host.url : nobody);
  const pages: string[][] = [];
  for (let pageToken = "", isLast = false; !isLast; isLast = pageToken === "") {
    const page = await agentRegistry.listAgents({ pageSize: 2, pageToken });
    pages.push(page.agents.map(({ agentId }) => agentId));
    pageToken = page.nextPageToken;
    if (pages.length === 1) await add("page-5", nobody);
    if (pages.length === 2) await agentRegistry.deregisterAgent({ agentId: "page-5" });
  }
  expect(pages).toEqual([
    ["demo", "script"],
    ["script-unverified", "page-5"],
    ["page-4", "page-3"],
    ["page-2", "page-1"],
  ]);
  const ids = async (state: State) =>
    (await agentRegistry.listAgents({ state })).agents.map(({ agentId }) => agentId);
  expect(await ids(State.READY)).toEqual([...builtIn, "page-2"]);
  expect(await ids(State.UNAVAILABLE)).toEqual(["page-4", "page-3", "page-1"]);
  expect(await ids(State.DRAINING)).toEqual([]);
  for (const n of [1, 2, 3, 4]) await agentRegistry.deregisterAgent({ agentId: `page-${n}` });
});

test.each([
  ["gRPC", AgentProtocol.GRPC, "grpc"],
  ["gRPC-Web", AgentProtocol.GRPC_WEB, "grpc-web"],
  ["Connect", AgentProtocol.CONNECT, "connect"],
] as const)("a host is called over %s", async (_, protocol, kind) => {
  const agentId = `over-${kind}`;
  const endpoints = [{ target: host.url, protocol }];
  const { agent } = await all.agentRegistry.registerAgent({ agentId, endpoints });
  expect(agent).toMatchObject({ kind, state: State.READY, endpoints: [{ protocol }] });
  expect(await kindsOf(all, agentId, agentId)).toEqual(["runStarted", "runFinished"]);
  await all.agentRegistry.deregisterAgent({ agentId });
});

test("of two clients that register one id differently, one wins; two that watch see the same", async () => {
  const other = over("Connect, HTTP/2");
  const watching = new AbortController();
  const watches = [all, other].map(({ agentRegistry }) =>
    agentRegistry.watchAgents({ agentId: "race" }, { signal: watching.signal })[Symbol.asyncIterator](),
  );
  for (const watch of watches) expect((await nextOf(watch)).case).toBe("caughtUp");
  const results = await Promise.allSettled(
    [all, other].map(({ agentRegistry }, n) =>
      agentRegistry.registerAgent({ agentId: "race", endpoints: [{ target: `127.0.0.1:${n + 1}` }] }),
    ),
  );
  expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  const seen = await Promise.all(watches.map(nextOf));
  const targets = seen.map(
    ({ case: kind, value }) => kind === "agent" && value.endpoints.map((one) => one.target),
  );
  expect(targets[0]).toHaveLength(1);
  expect(targets[0]).toEqual(targets[1]);
  await all.agentRegistry.deregisterAgent({ agentId: "race" });
  watching.abort();
});

test("an agent drains: its runs go on or are cancelled, and all see it", async () => {
  const { agentRegistry, agui } = all;
  await agentRegistry.registerAgent({ agentId: "draining", endpoints: [{ target: host.url }] });
  const input = (threadId: string) => ({ threadId, runId: "hold", messages: [] });
  const held = readStream(agui.runAgent({ agentId: "draining", input: input("held") }));
  await waitUntil(() => host.held().includes("held"), "the run");
  const draining = await agentRegistry.deregisterAgent({
    agentId: "draining",
    grace: durationFromMs(3_600_000),
  });
  expect(draining.agent).toMatchObject({
    state: State.DRAINING,
    activeRunCount: 1n,
    endpoints: [{ state: AgentEndpointState.DRAINING, activeRunCount: 1n }],
  });
  const late = await readStream(agui.runAgent({ agentId: "draining", input: input("late") }));
  expect(late.items.at(-1)?.item).toMatchObject({
    value: { event: { case: "runError", value: { code: "AGENT_UNAVAILABLE" } } },
  });
  await agentRegistry.deregisterAgent({ agentId: "draining", grace: durationFromMs(0) });
  expect((await held).items.at(-1)?.item).toMatchObject({ value: { event: { case: "runFinished" } } });
  await waitUntil(
    async () => (await agentRegistry.listAgents({ state: State.DRAINING })).agents.length === 0,
    "the end of the agent",
  );
});
