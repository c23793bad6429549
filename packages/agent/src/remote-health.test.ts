import { once } from "node:events";
import { createServer as createHttp2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from "@dragoman/contract/grpc/health/v1/health_pb";
import { createServer } from "@dragoman/server";
import { freePort } from "@dragoman/testing";
import { afterEach, describe, expect, it } from "vitest";
import { AgentUnavailableError } from "./errors.ts";
import { type RemoteAgentOptions, remoteAgent } from "./remote.ts";
import { serve } from "./serve.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const agent = {
  description: "Helps.",
  capabilities: () => ({ identity: { name: "Helper" } }),
  async *run() {},
};
const { signal } = new AbortController();

function remote(options: RemoteAgentOptions) {
  const made = remoteAgent(options);
  closers.push(() => made.close());
  return made;
}

/** A host in the manner of generated stubs: it implements what its author wrote and nothing else. */
async function startBareHost(routes: (router: ConnectRouter) => void): Promise<string> {
  const server = createHttp2Server(connectNodeAdapter({ routes }));
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const implementsRunAgent = (router: ConnectRouter) => router.service(AGUIService, { async *runAgent() {} });

async function failureOf(options: RemoteAgentOptions) {
  const error: unknown = await remote(options)
    .checkHealth(signal)
    .then(
      () => undefined,
      (reason) => reason,
    );
  expect(error).toBeInstanceOf(AgentUnavailableError);
  return (error as Error).message;
}

describe("the health of a host", () => {
  it.each(["grpc", "grpc-web", "connect"] as const)("is good while it serves, over %s", async (protocol) => {
    await using host = await serve(agent);
    await remote({ target: host.url, protocol }).checkHealth(signal);
    host.server.health.setServing(false);
    expect(await failureOf({ target: host.url, protocol })).toContain("NOT_SERVING");
  });

  it("is that of grpc.health.v1 where AGUIService does not tell", async () => {
    let status = Status.SERVING;
    const target = await startBareHost((router) =>
      implementsRunAgent(router).service(Health, { check: () => ({ status }) }),
    );
    await remote({ target }).checkHealth(signal);
    status = Status.NOT_SERVING;
    expect(await failureOf({ target })).toContain("grpc.health.v1 is NOT_SERVING");
  });

  it("is good where it has none, but answers", async () => {
    const target = await startBareHost(implementsRunAgent);
    await remote({ target }).checkHealth(signal);
    expect(await remote({ target }).describe(signal)).toBeUndefined();
    expect(await remote({ target }).capabilities?.(signal)).toEqual({});
  });

  it("is bad where nobody is, or something else", async () => {
    expect(await failureOf({ target: `127.0.0.1:${await freePort()}` })).toContain("ECONNREFUSED");
    const other = createServer({ services: [] });
    const { url } = await other.listen({ port: 0 });
    closers.push(() => other.close());
    expect(await failureOf({ target: url })).toContain("There is no AGUIService");
  });

  it("ends with its signal", async () => {
    const target = await startBareHost((router) =>
      router.service(AGUIService, { healthCheck: () => new Promise(() => {}) }),
    );
    await expect(remote({ target }).checkHealth(AbortSignal.timeout(50))).rejects.toBeInstanceOf(
      AgentUnavailableError,
    );
  });
});

describe("what a host says about an agent", () => {
  it("is its description and what it can do", async () => {
    await using host = await serve({ helper: agent });
    expect(await remote({ target: host.url }).describe(signal)).toMatchObject({
      description: "Helps.",
      capabilities: { identity: { name: "Helper" } },
    });
    await expect(remote({ target: host.url, agentId: "other" }).describe(signal)).rejects.toMatchObject({
      code: "AGENT_NOT_FOUND",
    });
  });
});
