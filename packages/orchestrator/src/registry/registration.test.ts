import { toBinary } from "@bufbuild/protobuf";
import {
  RegisteredAgentSchema,
  RegisteredAgentState,
} from "@dragoman/contract/orchestrator/v1/registered_agent_pb";
import { createEgressPolicy } from "@dragoman/egress";
import { openMemoryStore } from "@dragoman/event-log";
import { waitUntil } from "@dragoman/testing";
import { describe, expect, test } from "vitest";
import { pageOf } from "./agent-pages.ts";
import { endpoint, errorOf, healthIs, openRegistry, registerAt, startHeldHost } from "./testing/harness.ts";
import { registeredAgentMessage } from "./to-message.ts";

const at = (...targets: string[]) => targets.map((target) => endpoint(target));
const plain = { agentId: "a", description: "", replace: false };

describe("what is registered", () => {
  test("is there after a restart, and may be registered again as it is", async () => {
    await using host = await startHeldHost();
    const store = await openMemoryStore();
    const endpoints = [
      endpoint(host.url, { headers: { Authorization: "Bearer abcdef" }, protocol: "connect" }),
    ];
    const before = await openRegistry({ store });
    const first = await before.registry.register({ ...plain, description: "Helps.", endpoints });
    const again = await before.registry.register({ ...plain, description: "Helps.", endpoints });
    expect(again).toBe(first);
    await before.close();
    await using after = await openRegistry({ store });
    const pool = after.registry.pool("a");
    expect(pool?.record).toEqual(first.record);
    await healthIs(after.registry, "a", host.url, "healthy");
    expect(await after.registry.register({ ...plain, description: "Helps.", endpoints })).toBe(pool);
  });

  test("tells what its host says about it, and its own description first", async () => {
    const about = {
      description: "As the host says.",
      capabilities: () => ({ identity: { name: "Helper" } }),
    };
    await using host = await startHeldHost({}, about);
    await using opened = await openRegistry();
    const pool = await registerAt(opened.registry, "a", host.url);
    expect(pool.description).toBe("As the host says.");
    expect(pool.capabilities()).toMatchObject({ identity: { name: "Helper" } });
    const described = { ...plain, description: "Mine.", endpoints: at(host.url), replace: true };
    expect((await opened.registry.register(described)).description).toBe("Mine.");
  });

  test("tells no more of what its host says than fits", async () => {
    const said = { name: "x".repeat(100_000) };
    const about = { description: "y".repeat(5_000), capabilities: () => ({ identity: said }) };
    await using host = await startHeldHost({}, about);
    await using opened = await openRegistry();
    const pool = await registerAt(opened.registry, "a", host.url);
    expect(pool.state).toBe("ready");
    expect(pool.description).toBe("y".repeat(1_024));
    expect(pool.capabilities()).toEqual({});
  });

  test("is listed by pages that clients can take", async () => {
    await using opened = await openRegistry({ limits: { healthIntervalMs: 3_600_000 } });
    const { registry } = opened;
    const names = Array.from({ length: 3_000 }, (_, n) => [`x-${"n".repeat(90)}-${n}`, ""]);
    const endpoints = [endpoint("127.0.0.1:1", { headers: Object.fromEntries(names) })];
    const ids = Array.from({ length: 14 }, (_, n) => `agent-${n}`);
    for (const agentId of ids) await registry.register({ ...plain, agentId, endpoints });
    const show = async (agentId: string) => {
      const pool = registry.pool(agentId);
      return pool && registeredAgentMessage(pool);
    };
    const pages: string[][] = [];
    for (let pageToken = "", isLast = false; !isLast; isLast = pageToken === "") {
      const query = { pageSize: 1_000, pageToken, state: RegisteredAgentState.UNSPECIFIED };
      const { agents, nextPageToken } = await pageOf(registry, query, show);
      const bytes = agents.reduce((sum, agent) => sum + toBinary(RegisteredAgentSchema, agent).length, 0);
      expect(bytes).toBeLessThan(4 << 20);
      pages.push(agents.map(({ agentId }) => agentId));
      pageToken = nextPageToken;
    }
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.flat()).toEqual(ids.toReversed());
  });

  test("is listed after the agents of the program, the last one first", async () => {
    await using host = await startHeldHost();
    const agents = [{ agentId: "own", agent: { async *run() {} } }];
    await using opened = await openRegistry({ agents });
    for (const agentId of ["a", "b"]) await registerAt(opened.registry, agentId, host.url);
    expect(opened.registry.list().map(({ agentId }) => agentId)).toEqual(["own", "b", "a"]);
    expect(opened.registry.find("")?.agentId).toBe("own");
  });

  test("gives way to an agent of the program, and is not lost by it", async () => {
    await using host = await startHeldHost();
    const store = await openMemoryStore();
    const before = await openRegistry({ store });
    await registerAt(before.registry, "a", host.url);
    await before.close();
    const agents = [{ agentId: "a", agent: { kind: "own", async *run() {} } }];
    const hidden = await openRegistry({ store, agents });
    expect(hidden.registry.find("a")?.agent.kind).toBe("own");
    expect(String(hidden.errors[0])).toContain("hidden");
    await hidden.close();
    await using after = await openRegistry({ store });
    expect(after.registry.pool("a")).toBeDefined();
  });

  test("that cannot be read is reported and left out, without a word of what it holds", async () => {
    const store = await openMemoryStore();
    const value = new TextEncoder().encode('{"headers":{"x":"secret-value"');
    const entry = {
      namespace: "default",
      kind: "agent",
      parent: "",
      label: "",
      state: "registered",
      order: 1,
    };
    await store.catalog.put([{ put: { ...entry, id: "broken", value } }]);
    await using opened = await openRegistry({ store });
    expect(opened.registry.list()).toEqual([]);
    expect(String(opened.errors[0])).toContain('"broken"');
    expect(String(opened.errors[0])).not.toContain("secret");
  });
});

describe("what is refused", () => {
  test.each([
    ["host", "a target is"],
    ["", "a target is"],
    ["ftp://host:1", "a target is"],
    ["http://host:1/path", "a target is"],
    ["http://host:1?x=1", "a target is"],
    ["host:0", "a target is"],
    ["host:99999", "a target is"],
    ["unix:/tmp/socket", "a target is"],
    ["http://ab..c:1", "neither a host name nor an IP address"],
  ])("the target %s", async (target, why) => {
    await using opened = await openRegistry();
    const registering = registerAt(opened.registry, "a", target);
    await expect(registering).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
      message: expect.stringContaining(why),
    });
  });

  test("credentials in a target, which is not repeated", async () => {
    await using opened = await openRegistry();
    const registering = registerAt(opened.registry, "a", "http://user:hunter22@127.0.0.1:1");
    await expect(registering).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    await expect(registering).rejects.not.toMatchObject({ message: expect.stringContaining("hunter22") });
  });

  test.each([
    [{ connection: "close" }, '"connection"'],
    [{ Host: "other" }, '"Host"'],
    [{ "grpc-timeout": "1S" }, '"grpc-timeout"'],
    [{ "Content-Type": "text/plain" }, '"content-type"'],
    [{ "x-key": "a", "X-Key": "b" }, "given twice"],
    [{ "x y": "a" }, "HTTP cannot carry"],
    [{ "x-key": "secret\nvalue" }, "HTTP cannot carry"],
  ])("the headers %j", async (headers, why) => {
    await using opened = await openRegistry();
    const endpoints = [endpoint("127.0.0.1:1", { headers: headers as unknown as Record<string, string> })];
    const registering = opened.registry.register({ ...plain, endpoints });
    await expect(registering).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
      message: expect.stringContaining(why),
    });
    await expect(registering).rejects.not.toMatchObject({ message: expect.stringContaining("secret") });
  });

  test("the same replica twice, an agent of the program, and another definition without replace", async () => {
    const agents = [{ agentId: "own", agent: { async *run() {} } }];
    await using opened = await openRegistry({ agents });
    const { registry } = opened;
    await expect(registerAt(registry, "a", "127.0.0.1:1", "http://127.0.0.1:1")).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
    });
    const taken = { reason: "AGENT_EXISTS", metadata: { agent_id: "own" } };
    await expect(registerAt(registry, "own", "127.0.0.1:1")).rejects.toMatchObject(taken);
    const forced = registry.register({
      ...plain,
      agentId: "own",
      endpoints: at("127.0.0.1:1"),
      replace: true,
    });
    await expect(forced).rejects.toMatchObject(taken);
    await registerAt(registry, "a", "127.0.0.1:1");
    await expect(registerAt(registry, "a", "127.0.0.1:2")).rejects.toMatchObject({ reason: "AGENT_EXISTS" });
    const cancelRun = async () => {};
    await expect(registry.deregister("own", "", { graceMs: undefined, cancelRun })).rejects.toMatchObject({
      reason: "AGENT_BUILT_IN",
    });
  });

  test("this server itself", async () => {
    await using opened = await openRegistry({
      isOwn: (host, port) => host === "127.0.0.1" && port === 50051,
    });
    for (const target of [
      "127.0.0.1:50051",
      "http://127.0.0.1:50051",
      "localhost:50051",
      "http://0x7f.1:50051",
    ]) {
      await expect(registerAt(opened.registry, "a", target)).rejects.toMatchObject({
        reason: "INVALID_REQUEST",
        message: expect.stringContaining("this server itself"),
      });
    }
  });

  test("too many agents, endpoints, bytes and watches", async () => {
    const limits = { agentsMax: 2, endpointsMax: 2, agentMaxBytes: 1_000, agentWatchesMax: 1 };
    await using opened = await openRegistry({ limits });
    const { registry } = opened;
    const reached = (limit: string) => ({ reason: "LIMIT_REACHED", metadata: { limit } });
    for (const agentId of ["a", "b"]) await registerAt(registry, agentId, "127.0.0.1:1");
    await expect(registerAt(registry, "c", "127.0.0.1:1")).rejects.toMatchObject(reached("agentsMax"));
    const many = at("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3");
    await expect(registry.register({ ...plain, endpoints: many, replace: true })).rejects.toMatchObject(
      reached("endpointsMax"),
    );
    const large = [endpoint("127.0.0.1:1", { headers: { "x-large": "x".repeat(1_000) } })];
    await expect(registry.register({ ...plain, endpoints: large, replace: true })).rejects.toMatchObject(
      reached("agentMaxBytes"),
    );
    const options = { agentId: "", idleMs: 1_000, signal: new AbortController().signal };
    const watch = registry.watch(options);
    expect(() => registry.watch(options)).toThrow("agentWatchesMax is 1");
    watch.close();
    registry.watch(options).close();
  });
});

describe("what may be reached", () => {
  const strict = createEgressPolicy({ allowLoopback: false, optionName: "--allow-endpoint" });

  test.each([
    "169.254.169.254:80",
    "http://169.254.169.254",
    "10.0.0.1:50051",
    "192.168.1.1:50051",
    "172.16.0.1:50051",
    "127.0.0.1:50051",
    "localhost:50051",
    "http://[::1]:50051",
    "http://[fd00::1]:50051",
    "http://[::ffff:10.0.0.1]:50051",
    "http://0xa.1:50051",
    "http://167772161:50051",
    "0.0.0.0:50051",
  ])("%s is refused by a server that others can call", async (target) => {
    await using opened = await openRegistry({ egress: strict });
    await expect(registerAt(opened.registry, "a", target)).rejects.toMatchObject({
      reason: "ENDPOINT_NOT_ALLOWED",
      message: expect.stringContaining("--allow-endpoint"),
      metadata: { host: expect.any(String) },
    });
    expect(opened.registry.find("a")).toBeUndefined();
  });

  test("a name is refused by what it resolves to", async () => {
    const egress = createEgressPolicy({
      allowLoopback: true,
      resolve: async () => [{ address: "10.1.2.3", family: 4 }],
    });
    await using opened = await openRegistry({ egress });
    const registering = registerAt(opened.registry, "a", "agents.test:50051");
    await expect(registering).rejects.toMatchObject({ reason: "ENDPOINT_NOT_ALLOWED" });
    await expect(registering).rejects.not.toMatchObject({ message: expect.stringContaining("10.1.2.3") });
  });

  test.each(["grpc", "connect", "grpc-web"] as const)(
    "a name that comes to mean another address later is not followed there, over %s",
    async (protocol) => {
      let address = "127.0.0.1";
      const resolve = async () => [{ address, family: 4 }];
      const egress = createEgressPolicy({ allow: ["127.0.0.1"], allowLoopback: false, resolve });
      const options = { allowedHosts: ["agents.test"] };
      await using host = await startHeldHost(options);
      await using opened = await openRegistry({ egress });
      const target = `http://agents.test:${host.port}`;
      const endpoints = [endpoint(target, { protocol })];
      const pool = await opened.registry.register({ ...plain, endpoints });
      expect(pool.state).toBe("ready");
      address = "169.254.169.254";
      await host.host.close();
      await using _again = await startHeldHost({ ...options, port: host.port });
      await waitUntil(() => pool.endpoints[0]?.errorMessage.includes("link-local"), "the refusal");
      const error = errorOf(await (await opened.start("a", "r")).ended);
      expect(error).toMatchObject({
        code: "AGENT_UNAVAILABLE",
        message: expect.stringContaining("link-local"),
      });
      expect(error?.message).not.toContain("169.254");
      address = "127.0.0.1";
      await healthIs(opened.registry, "a", target, "healthy");
    },
  );

  test("what was allowed when it was registered and is not any more is not reached", async () => {
    await using host = await startHeldHost();
    const store = await openMemoryStore();
    const before = await openRegistry({ store });
    await registerAt(before.registry, "a", host.url);
    await before.close();
    await using after = await openRegistry({ store, egress: strict });
    await healthIs(after.registry, "a", host.url, "unhealthy");
    expect(after.registry.pool("a")?.endpoints[0]?.errorMessage).toContain("--allow-endpoint");
    expect(errorOf(await (await after.start("a", "r")).ended)?.code).toBe("AGENT_UNAVAILABLE");
    expect(host.begun).toEqual([]);
  });
});
