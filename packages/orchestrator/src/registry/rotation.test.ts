import { Code, ConnectError } from "@connectrpc/connect";
import { AgentUnavailableError } from "@dragoman/agent";
import type { ServeOptions } from "@dragoman/agent/serve";
import { freePort, waitUntil, withTimeout } from "@dragoman/testing";
import { describe, expect, test } from "vitest";
import {
  errorOf,
  hangingHealth,
  healthIs,
  openRegistry,
  registerAt,
  startHeldHost,
} from "./testing/harness.ts";

/** So long that no check comes by itself in a test. */
const never = { limits: { healthIntervalMs: 3_600_000 } };

describe("each run goes to the healthy endpoint with the fewest runs", () => {
  test("held runs are spread evenly, and what is free is used first", async () => {
    await using one = await startHeldHost();
    await using two = await startHeldHost();
    await using three = await startHeldHost();
    await using opened = await openRegistry();
    const hosts = [one, two, three];
    const pool = await registerAt(opened.registry, "a", ...hosts.map(({ url }) => url));
    for (let n = 0; n < 9; n++) {
      await opened.start("a", `r${n}`);
      await waitUntil(() => hosts.flatMap((host) => host.held()).length === n + 1, "the run");
    }
    expect(hosts.map((host) => host.held().length)).toEqual([3, 3, 3]);
    expect(pool.endpoints.map(({ leases }) => leases.size)).toEqual([3, 3, 3]);
    expect(pool.activeRunCount).toBe(9);
    for (const runId of two.held()) two.release(runId);
    await waitUntil(() => pool.activeRunCount === 6, "three ends");
    for (let n = 9; n < 12; n++) await opened.start("a", `r${n}`);
    await waitUntil(() => two.held().length === 3, "three more there");
    expect(hosts.map(({ begun }) => begun.length)).toEqual([3, 6, 3]);
  });

  test("of several that are free, the one that was unused for longest", async () => {
    await using one = await startHeldHost();
    await using two = await startHeldHost();
    await using opened = await openRegistry();
    await registerAt(opened.registry, "a", one.url, two.url);
    for (const [n, host] of [one, two, one, two].entries()) {
      const run = await opened.start("a", `r${n}`);
      await waitUntil(() => host.held().includes(`r${n}`), "the run");
      host.release(`r${n}`);
      await run.ended;
    }
  });

  test("counts are exact, however a run ends and however its reader leaves", async () => {
    await using host = await startHeldHost();
    await using opened = await openRegistry();
    const pool = await registerAt(opened.registry, "a", host.url);
    const input = (runId: string) => ({ threadId: "t", runId, messages: [] });
    const aborted = new AbortController();
    const ways: ((events: AsyncIterator<unknown>, runId: string) => unknown)[] = [
      (events) => events.return?.(),
      (events) => Promise.all([events.return?.(), events.return?.()]),
      async (events, runId) => {
        host.release(runId);
        while (!(await events.next()).done);
        await events.return?.();
      },
      () => aborted.abort(),
      async (events) => {
        const pending = events.next();
        await events.return?.();
        await pending;
      },
    ];
    const runs = ways.map((_, n) => {
      const events = pool.run(input(`r${n}`), { signal: aborted.signal, agentId: "a" });
      return events[Symbol.asyncIterator]();
    });
    expect(pool.activeRunCount).toBe(0);
    for (const run of runs) for (let n = 0; n < 2; n++) await run.next();
    expect(pool.activeRunCount).toBe(ways.length);
    for (const n of [0, 1, 2, 4, 3]) {
      const before = pool.activeRunCount;
      await ways[n]?.(runs[n] as AsyncIterator<unknown>, `r${n}`);
      expect(pool.activeRunCount).toBe(before - 1);
    }
    await waitUntil(() => host.held().length === 0, "nothing being left behind");
    const cancelled = await opened.start("a", "cancelled");
    await waitUntil(() => pool.activeRunCount === 1, "the run");
    await opened.engine.cancelRun({ namespace: "default", id: "t-cancelled" }, "cancelled");
    await cancelled.ended;
    await waitUntil(() => pool.activeRunCount === 0, "the end");
  });
});

describe("an endpoint that dies", () => {
  test("takes its run with it, leaves the rotation and returns", async () => {
    await using one = await startHeldHost();
    await using two = await startHeldHost();
    await using opened = await openRegistry();
    const { registry } = opened;
    await registerAt(registry, "a", one.url, two.url);
    const first = await opened.start("a", "first");
    const second = await opened.start("a", "second");
    await waitUntil(() => one.held().length === 1 && two.held().length === 1, "a run at each");
    await one.host.close();
    const events = await withTimeout(first.ended, "the end of the run");
    expect(errorOf(events)).toMatchObject({
      code: "AGENT_UNAVAILABLE",
      message: expect.stringContaining(one.url),
    });
    expect(two.begun).toEqual(["second"]);
    await healthIs(registry, "a", one.url, "unhealthy");
    for (let n = 0; n < 3; n++) await opened.start("a", `later-${n}`);
    await waitUntil(() => two.held().length === 4, "all at the other");

    await using again = await startHeldHost({ port: one.port });
    await healthIs(registry, "a", one.url, "healthy");
    await opened.start("a", "back");
    await waitUntil(() => again.held().includes("back"), "a run there");
    two.release("second");
    expect((await second.ended).at(-1)?.type).toBe("RUN_FINISHED");
  });

  test("a run that cannot reach it goes on elsewhere, as nothing was emitted, and takes it out", async () => {
    await using one = await startHeldHost();
    await using two = await startHeldHost();
    await using opened = await openRegistry(never);
    const { registry } = opened;
    const pool = await registerAt(registry, "a", one.url, two.url);
    await one.host.close();
    expect(pool.endpoints.map(({ health }) => health)).toEqual(["healthy", "healthy"]);
    await opened.start("a", "r1");
    await waitUntil(() => two.held().includes("r1"), "the run at the other");
    expect(pool.endpoints.map(({ health }) => health)).toEqual(["unhealthy", "healthy"]);
    expect(pool.endpoints[0]?.errorMessage).toContain("ECONNREFUSED");
    expect(pool.activeRunCount).toBe(1);
  });

  test("a run is tried at one other only, and where none is healthy the error names what is wrong", async () => {
    const hosts = [await startHeldHost(), await startHeldHost(), await startHeldHost()];
    await using opened = await openRegistry(never);
    const pool = await registerAt(opened.registry, "a", ...hosts.map(({ url }) => url));
    for (const host of hosts) await host.host.close();
    const failed = await opened.start("a", "r1");
    expect(errorOf(await failed.ended)?.code).toBe("AGENT_UNAVAILABLE");
    expect(pool.endpoints.filter(({ health }) => health === "unhealthy")).toHaveLength(2);
    await (await opened.start("a", "r2")).ended;
    expect(pool.state).toBe("unavailable");
    const error = errorOf(await (await opened.start("a", "r3")).ended);
    expect(error?.code).toBe("AGENT_UNAVAILABLE");
    for (const { url } of hosts) expect(error?.message).toContain(url);
    expect(error?.message).toContain("ECONNREFUSED");
    expect(pool.activeRunCount).toBe(0);
  });
});

test("a host that refuses a run is not out for it, and nobody else is asked", async () => {
  const refusing: ServeOptions["interceptors"] = [
    (next) => (request) => {
      if (request.method.name !== "RunAgent") return next(request);
      throw new ConnectError("not you", Code.PermissionDenied);
    },
  ];
  await using one = await startHeldHost({ interceptors: refusing });
  await using two = await startHeldHost();
  await using opened = await openRegistry(never);
  const pool = await registerAt(opened.registry, "a", one.url, two.url);
  const error = errorOf(await (await opened.start("a", "r1")).ended);
  expect(error).toMatchObject({ code: "AGENT_UNAVAILABLE", message: expect.stringContaining("not you") });
  expect(pool.endpoints.map(({ health }) => health)).toEqual(["healthy", "healthy"]);
  expect(two.begun).toEqual([]);
});

test("where no endpoint was checked yet, a run tries one", async () => {
  await using host = await startHeldHost({ interceptors: hangingHealth().interceptors });
  await using opened = await openRegistry({ limits: { healthTimeoutMs: 60_000 } });
  void registerAt(opened.registry, "a", host.url);
  const pool = await waitUntil(() => opened.registry.pool("a"), "the agent");
  expect(pool.endpoints[0]?.health).toBe("unknown");
  const run = await opened.start("a", "r1");
  await waitUntil(() => host.held().includes("r1"), "the run");
  host.release("r1");
  expect((await run.ended).at(-1)?.type).toBe("RUN_FINISHED");
});

test("what never was there is unhealthy at once; a run throws what can be acted on", async () => {
  const target = `http://127.0.0.1:${await freePort()}`;
  await using opened = await openRegistry(never);
  const pool = await registerAt(opened.registry, "a", target);
  expect(pool.state).toBe("unavailable");
  const { signal } = new AbortController();
  const events = pool.run({ threadId: "t", runId: "r", messages: [] }, { signal, agentId: "a" });
  await expect(events[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(AgentUnavailableError);
});

test("a host without the agent is not healthy", async () => {
  await using host = await startHeldHost();
  await using opened = await openRegistry();
  const spec = { target: host.url, protocol: "grpc", remoteAgentId: "other", headers: {} } as const;
  const pool = await opened.registry.register({
    agentId: "a",
    description: "",
    endpoints: [spec],
    replace: false,
  });
  expect(pool.state).toBe("unavailable");
  expect(pool.endpoints[0]?.errorMessage).toContain('"other"');
});
