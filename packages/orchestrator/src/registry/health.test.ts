import { Code, ConnectError } from "@connectrpc/connect";
import { createEgressPolicy } from "@dragoman/egress";
import { waitUntil } from "@dragoman/testing";
import { describe, expect, test } from "vitest";
import { ClosedError, Endpoint } from "./endpoint.ts";
import { HealthChecks } from "./health-checks.ts";
import { endpoint, errorOf, hangingHealth, openRegistry, startHeldHost } from "./testing/harness.ts";

const egress = createEgressPolicy({ allowLoopback: true });
const { signal } = new AbortController();

function openEndpoint(target: string) {
  const changes: string[] = [];
  const made = new Endpoint(endpoint(target), {
    checkHost: egress.checkHost,
    lookupFor: egress.lookupFor,
    now: Date.now,
    onChange: (what) => changes.push(what),
  });
  return { endpoint: made, changes, [Symbol.dispose]: () => made.retire() };
}

describe("the health of an endpoint", () => {
  test("two failed checks in a row take it out, the first good one brings it back", async () => {
    await using host = await startHeldHost();
    using opened = openEndpoint(host.url);
    const { endpoint: one, changes } = opened;
    const { health } = host.host.server;
    const check = async (isServing: boolean) => {
      health.setServing(isServing);
      await one.check(signal);
      return one.health;
    };
    expect(await check(true)).toBe("healthy");
    expect(await check(false)).toBe("healthy");
    expect(await check(true)).toBe("healthy");
    expect(await check(false)).toBe("healthy");
    expect(changes).toEqual(["state"]);
    expect(await check(false)).toBe("unhealthy");
    expect(one.errorMessage).toContain("NOT_SERVING");
    expect(await check(true)).toBe("healthy");
    expect(one.errorMessage).toBe("");
    expect(changes).toEqual(["state", "state", "state"]);
  });

  test("a run that could not reach it takes it out at once; one that lost it counts as a failed check", async () => {
    await using host = await startHeldHost();
    using opened = openEndpoint(host.url);
    const { endpoint: one } = opened;
    await one.check(signal);
    one.noteUnreachable(new Error("nobody there"));
    expect([one.health, one.errorMessage]).toEqual(["unhealthy", "nobody there"]);
    await one.check(signal);
    one.noteLost();
    expect(one.health).toBe("healthy");
    host.host.server.health.setServing(false);
    await one.check(signal);
    expect(one.health).toBe("unhealthy");
  });

  test("what it can do is asked for again when it returns", async () => {
    let name = "one";
    await using host = await startHeldHost({}, { capabilities: () => ({ identity: { name } }) });
    using opened = openEndpoint(host.url);
    const { endpoint: one } = opened;
    await one.check(signal);
    name = "two";
    await one.check(signal);
    expect(one.description?.capabilities).toMatchObject({ identity: { name: "one" } });
    one.noteUnreachable(new Error("away"));
    await one.check(signal);
    expect(one.description?.capabilities).toMatchObject({ identity: { name: "two" } });
  });

  test("a check that ends because the registry does says nothing about it", async () => {
    await using host = await startHeldHost({ interceptors: hangingHealth().interceptors });
    using opened = openEndpoint(host.url);
    const closed = new AbortController();
    const checking = opened.endpoint.check(closed.signal);
    closed.abort(new ClosedError("closed"));
    await checking;
    expect([opened.endpoint.health, opened.changes]).toEqual(["unknown", []]);
  });
});

describe("checks", () => {
  const options = { healthIntervalMs: 20, healthTimeoutMs: 50, parallelChecksMax: 3, random: () => 0.5 };

  test("one that takes too long counts as failed, and says so", async () => {
    await using host = await startHeldHost({ interceptors: hangingHealth().interceptors });
    using opened = openEndpoint(host.url);
    const checks = new HealthChecks(options);
    await checks.start(opened.endpoint);
    expect(opened.endpoint.health).toBe("unhealthy");
    expect(opened.endpoint.errorMessage).toContain("did not answer a health check in time");
    checks.close();
  });

  test("no more than the bound are made at once, and all are made", async () => {
    const { waiting, interceptors } = hangingHealth();
    await using host = await startHeldHost({ interceptors });
    const opened = Array.from({ length: 10 }, () => openEndpoint(host.url));
    const checks = new HealthChecks(options);
    await Promise.all(opened.map(({ endpoint: one }) => checks.start(one)));
    expect(waiting.most).toBe(3);
    expect(opened.map(({ endpoint: one }) => one.health)).toEqual(opened.map(() => "unhealthy"));
    checks.close();
    for (const one of opened) one[Symbol.dispose]();
  });

  test("one endpoint is checked by one check at a time, and no more once it is stopped", async () => {
    await using host = await startHeldHost();
    using opened = openEndpoint(host.url);
    const checks = new HealthChecks(options);
    const first = checks.start(opened.endpoint);
    expect(checks.check(opened.endpoint)).toBe(first);
    await first;
    const { checkTime } = opened.endpoint;
    await waitUntil(() => opened.endpoint.checkTime !== checkTime, "the next check");
    checks.stop(opened.endpoint);
    await checks.check(opened.endpoint);
    const last = opened.endpoint.checkTime;
    await checks.check(opened.endpoint);
    expect(opened.endpoint.checkTime).toBe(last);
    checks.close();
  });
});

test("credentials are sent, and shown to nobody, also where the host repeats them", async () => {
  const token = "tok-1234567890";
  const seen: (string | null)[] = [];
  let isClosed = false;
  await using host = await startHeldHost({
    interceptors: [
      (next) => (request) => {
        const header = request.header.get("authorization");
        seen.push(header);
        const why = `The credentials ${header} are not good; ${token} is old.`;
        if (isClosed) throw new ConnectError(why, Code.Unauthenticated);
        return next(request);
      },
    ],
  });
  await using opened = await openRegistry();
  const headers = { Authorization: `Bearer ${token}` };
  const endpoints = [endpoint(host.url, { headers })];
  const pool = await opened.registry.register({ agentId: "a", description: "", endpoints, replace: false });
  expect(pool.state).toBe("ready");
  expect(new Set(seen)).toEqual(new Set([`Bearer ${token}`]));
  isClosed = true;
  const failed = errorOf(await (await opened.start("a", "r1")).ended);
  await waitUntil(() => pool.endpoints[0]?.health === "unhealthy", "the failed checks");
  const late = errorOf(await (await opened.start("a", "r2")).ended);
  for (const text of [
    failed?.message,
    pool.endpoints[0]?.errorMessage,
    late?.message,
    String(opened.errors),
  ]) {
    expect(text).not.toContain(token);
  }
  expect(failed?.message).toContain("The credentials … are not good; … is old.");
  expect(late?.message).toContain("The credentials … are not good; … is old.");
  // Registered again with the names only, as they are shown, the values stay.
  isClosed = false;
  const shown = [endpoint(host.url, { headers: { Authorization: "" } }), endpoint("127.0.0.1:1")];
  await opened.registry.register({ agentId: "a", description: "", endpoints: shown, replace: true });
  expect(pool.endpoints[0]?.spec.headers).toEqual({ authorization: `Bearer ${token}` });
});
