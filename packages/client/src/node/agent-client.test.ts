import { ConnectError } from "@connectrpc/connect";
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
