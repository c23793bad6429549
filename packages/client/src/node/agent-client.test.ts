import type { LookupFunction } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { collect } from "../collect.ts";
import { certificates } from "../testing/certificates.ts";
import { type LogHost, startLogHost, variedRun } from "../testing/log-host.ts";
import { createAgentClient, type NodeAgentClientOptions, type TlsOptions } from "./agent-client.ts";

const { authority, serverCertificate, serverKey, clientCertificate, clientKey } = certificates;
const wires = [
  { protocol: "grpc", httpVersion: "2" },
  { protocol: "grpc-web", httpVersion: "2" },
  { protocol: "grpc-web", httpVersion: "1.1" },
  { protocol: "connect", httpVersion: "2" },
  { protocol: "connect", httpVersion: "1.1" },
] as const;

describe.each(wires)("a client with certificates, $protocol over HTTP/$httpVersion", (wire) => {
  let host: LogHost;
  beforeEach(async () => {
    const tls = { cert: serverCertificate, key: serverKey, ca: authority, requestCert: true };
    host = await startLogHost(variedRun("t", "r"), tls);
  });
  afterEach(() => host[Symbol.asyncDispose]());

  async function call(tls: TlsOptions | undefined) {
    const options: NodeAgentClientOptions = {
      ...wire,
      baseUrl: wire.httpVersion === "2" ? host.h2Url : host.h1Url,
      ...(tls !== undefined && { tls }),
    };
    const client = createAgentClient(options);
    try {
      const { outcome } = await collect(client.run({ threadId: "t", runId: "r" }, { maxStartAttempts: 0 }));
      await client.runs.cancelRun({ sessionId: "t" });
      return outcome;
    } catch (error) {
      return ConnectError.from(error);
    } finally {
      client.close();
    }
  }

  it("is let in, in its streams and its typed calls", async () => {
    expect(await call({ ca: authority, cert: clientCertificate, key: clientKey })).toEqual({
      type: "success",
    });
    expect(host.calls.map(({ method }) => method)).toEqual(["runAgent", "cancelRun"]);
  });

  it("trusts no server of an unknown authority, unless it is told to", async () => {
    const identity = { cert: clientCertificate, key: clientKey };
    expect(String(await call(identity))).toMatch(/certificate/);
    expect(await call({ ...identity, rejectUnauthorized: false })).toEqual({ type: "success" });
  });

  it("is refused without a certificate", async () => {
    expect(await call({ ca: authority })).toBeInstanceOf(ConnectError);
    expect(host.calls).toEqual([]);
  });
});

describe.each(wires)("a client with a lookup of its own, $protocol over HTTP/$httpVersion", (wire) => {
  let host: LogHost;
  beforeEach(async () => {
    host = await startLogHost(variedRun("t", "r"));
  });
  afterEach(() => host[Symbol.asyncDispose]());

  function clientWith(lookup: LookupFunction) {
    const { port } = new URL(wire.httpVersion === "2" ? host.h2Url : host.h1Url);
    return createAgentClient({ ...wire, baseUrl: `http://agents.test:${port}`, lookup });
  }

  it("connects where it says, in its streams and its typed calls", async () => {
    const asked: string[] = [];
    const client = clientWith((name, { all }, callback) => {
      asked.push(name);
      if (all) callback(null, [{ address: "127.0.0.1", family: 4 }]);
      else callback(null, "127.0.0.1", 4);
    });
    const { outcome } = await collect(client.run({ threadId: "t", runId: "r" }));
    expect(outcome).toEqual({ type: "success" });
    await client.runs.cancelRun({ sessionId: "t" });
    client.close();
    expect(new Set(asked)).toEqual(new Set(["agents.test"]));
    expect(host.calls.map(({ method }) => method)).toEqual(["runAgent", "cancelRun"]);
  });

  it("connects nowhere where it refuses", async () => {
    const client = clientWith((_, __, callback) =>
      callback(Object.assign(new Error("not to be reached"), { code: "ADDRESS_REFUSED" }), ""),
    );
    const run = collect(client.run({ threadId: "t", runId: "r" }, { maxStartAttempts: 0 }));
    const failures = await Promise.allSettled([run, client.runs.cancelRun({ sessionId: "t" })]);
    client.close();
    for (const failure of failures) {
      const error = ConnectError.from(failure.status === "rejected" ? failure.reason : undefined);
      expect(error.code).toBe(Code.Unavailable);
      expect(error.rawMessage).toContain("not to be reached");
    }
    expect(host.calls).toEqual([]);
  });
});
