import * as https from "node:https";
import * as tls from "node:tls";
import { ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createServer, type Server } from "./index.ts";
import { makeCertificates } from "./testing/certificates.ts";
import { sendRaw } from "./testing/raw-http.ts";
import { testService } from "./testing/test-service.ts";

const { ca, server: own, client, stranger } = makeCertificates();
let plain: Server;
let mutual: Server;

beforeAll(async () => {
  plain = createServer({ services: [testService().entry], tls: own, limits: { headerTimeoutMs: 300 } });
  mutual = createServer({ services: [testService().entry], tls: { ...own, ca } });
  await plain.listen();
  await mutual.listen();
});
afterAll(() => Promise.all([plain.close(), mutual.close()]));

function transports(server: Server, nodeOptions: tls.SecureContextOptions): Record<string, Transport> {
  const baseUrl = server.address!.url;
  return {
    "gRPC h2": createGrpcTransport({ baseUrl, nodeOptions }),
    "gRPC-Web h2": createGrpcWebTransport({ baseUrl, nodeOptions, httpVersion: "2" }),
    "Connect h2": createConnectTransport({ baseUrl, nodeOptions, httpVersion: "2" }),
    "gRPC-Web h1": createGrpcWebTransport({ baseUrl, nodeOptions, httpVersion: "1.1" }),
    "Connect h1": createConnectTransport({ baseUrl, nodeOptions, httpVersion: "1.1" }),
  };
}

async function works(transport: Transport): Promise<void> {
  const agent = createClient(AGUIService, transport);
  expect((await agent.getServiceInfo({ agentId: "a" })).name).toBe("hello a");
  let count = 0;
  for await (const _ of agent.runAgent({ input: { threadId: "t", runId: "ok" } })) {
    count++;
  }
  expect(count).toBe(3);
}

describe("TLS", () => {
  test("serves every wire on the same port", async () => {
    expect(plain.address?.url).toMatch(/^https:/);
    for (const transport of Object.values(transports(plain, { ca }))) {
      await works(transport);
    }
  });

  test("serves a client that names no protocol in its handshake", async () => {
    const { port } = plain.address!;
    const socket = tls.connect({ port, host: "localhost", ca });
    socket.write("GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let text = "";
    for await (const chunk of socket) {
      text += chunk;
    }
    expect(text).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  test("closes what does not finish its handshake", async () => {
    const hello = Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
    expect((await sendRaw(plain.address!.port, hello)).outcome).not.toBe("open");
    expect((await sendRaw(plain.address!.port, "")).outcome).not.toBe("open");
    expect((await sendRaw(plain.address!.port, "GET / HTTP/1.1\r\nhost: x\r\n\r\n")).outcome).not.toBe(
      "open",
    );
  });

  test("is 1.2 at least", async () => {
    const socket = tls.connect({
      port: plain.address!.port,
      ca,
      maxVersion: "TLSv1.1",
      minVersion: "TLSv1",
      ciphers: "ALL:@SECLEVEL=0",
    });
    await expect(
      new Promise((resolve, reject) => socket.on("secureConnect", resolve).on("error", reject)),
    ).rejects.toThrow();
  });
});

describe("mutual TLS", () => {
  test("serves clients of its authority on every wire", async () => {
    for (const transport of Object.values(transports(mutual, { ca, ...client }))) {
      await works(transport);
    }
  });

  test.each([
    ["no certificate", {}],
    ["one of another authority", stranger],
  ])("refuses %s", async (_name, certificate) => {
    for (const transport of Object.values(transports(mutual, { ca, ...certificate }))) {
      const call = createClient(AGUIService, transport).getServiceInfo({});
      await expect(call).rejects.toBeInstanceOf(ConnectError);
    }
  });

  test("covers the probes too", async () => {
    const url = `${mutual.address!.url}/healthz`;
    const status = (options: https.RequestOptions) =>
      new Promise((resolve, reject) =>
        https.get(url, { ca, ...options }, (response) => resolve(response.statusCode)).on("error", reject),
      );
    expect(await status(client)).toBe(200);
    await expect(status({})).rejects.toThrow();
  });
});
