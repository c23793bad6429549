import { ConnectError, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import * as web from "@connectrpc/connect-web";
import { errorInfoOf } from "@dragoman/rpc";

/** The ways to call the services: a protocol over a version of HTTP, by a client of Connect's own. */
export const wireNames = [
  "gRPC",
  "gRPC-Web, HTTP/1.1",
  "gRPC-Web, HTTP/2",
  "Connect, HTTP/1.1",
  "Connect, HTTP/2",
  "Connect JSON, HTTP/1.1",
  "Connect JSON, HTTP/2",
  "Connect in browsers",
  "Connect JSON in browsers",
  "gRPC-Web in browsers",
] as const;
export type WireName = (typeof wireNames)[number];

/** The RPC wires of a server. Close them: HTTP/2 connections are kept otherwise. */
export interface Wires {
  transport(name: WireName): Transport;
  close(): void;
}

/** Opens every RPC wire to a server. */
export function openWires(baseUrl: string): Wires {
  const sessionManager = new Http2SessionManager(baseUrl);
  const h1 = { baseUrl, httpVersion: "1.1" } as const;
  const h2 = { baseUrl, httpVersion: "2", sessionManager } as const;
  const transports: Record<WireName, Transport> = {
    gRPC: createGrpcTransport({ baseUrl, sessionManager }),
    "gRPC-Web, HTTP/1.1": createGrpcWebTransport(h1),
    "gRPC-Web, HTTP/2": createGrpcWebTransport(h2),
    "Connect, HTTP/1.1": createConnectTransport({ ...h1, useBinaryFormat: true }),
    "Connect, HTTP/2": createConnectTransport({ ...h2, useBinaryFormat: true }),
    "Connect JSON, HTTP/1.1": createConnectTransport({ ...h1, useBinaryFormat: false }),
    "Connect JSON, HTTP/2": createConnectTransport({ ...h2, useBinaryFormat: false }),
    "Connect in browsers": web.createConnectTransport({ baseUrl, useBinaryFormat: true, useHttpGet: true }),
    "Connect JSON in browsers": web.createConnectTransport({ baseUrl }),
    "gRPC-Web in browsers": web.createGrpcWebTransport({ baseUrl }),
  };
  return { transport: (name) => transports[name], close: () => sessionManager.abort() };
}

/** What a refused call says. */
export interface CallRefusal {
  readonly code: number;
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly message: string;
}

/** Waits for a call to be refused. Rejects if it is not. */
export async function refusedCall(call: Promise<unknown> | AsyncIterable<unknown>): Promise<CallRefusal> {
  try {
    if (Symbol.asyncIterator in call) for await (const _ of call);
    else await call;
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    const info = errorInfoOf(error);
    return { code, reason: info?.reason, metadata: info?.metadata ?? {}, message: rawMessage };
  }
  throw new Error("the call was not refused");
}
