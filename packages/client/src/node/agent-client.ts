import type { LookupFunction } from "node:net";
import type { SecureContextOptions } from "node:tls";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { type AgentClient, agentClientOn } from "../agent-client.ts";
import { createEventTransport, type EventTransportOptions } from "../event-transport.ts";
import { stockInterceptors } from "../stock-interceptors.ts";
import type { ProtocolName } from "../wire-protocol.ts";
import { createHttp1Client } from "./http1-client.ts";
import { createHttp2Client } from "./http2-client.ts";
import { Http2Sessions } from "./http2-sessions.ts";

/** Where the services are and how they are spoken to from Node. */
export interface NodeAgentClientOptions extends Omit<EventTransportOptions, "client" | "protocol"> {
  /** The RPC wire. Default "grpc". */
  readonly protocol?: ProtocolName;
  /** Default "2". gRPC needs it; gRPC-Web and Connect do with "1.1" too. */
  readonly httpVersion?: "1.1" | "2";
  /** Certificates for https: `ca` to trust a private authority, `cert` and `key` for mutual TLS. */
  readonly tls?: TlsOptions;
  /**
   * Finds the addresses of the host for every connection, in place of `dns.lookup`: for who may not connect to any.
   * Node does not ask it about a host that is an address itself.
   */
  readonly lookup?: LookupFunction;
  /**
   * How often an open connection is asked whether it is alive, in milliseconds. Only HTTP/2. Default 20,000;
   * Infinity never asks.
   */
  readonly pingIntervalMs?: number;
  /** How much a server may send ahead on one stream before it is read, in bytes. Only HTTP/2. Default 256 KiB. */
  readonly streamWindowBytes?: number;
}

/** Certificates as Node takes them. */
export type TlsOptions = Pick<SecureContextOptions, "ca" | "cert" | "key" | "passphrase" | "minVersion"> & {
  /** Whether a server with an unknown certificate is refused. Default true; false is for tests. */
  readonly rejectUnauthorized?: boolean;
};

/** Creates a client for Node: over every RPC wire, and all of it on one connection with HTTP/2. */
export function createAgentClient(options: NodeAgentClientOptions): AgentClient {
  const { httpVersion = "2", protocol = "grpc", baseUrl } = options;
  if (protocol === "grpc" && httpVersion !== "2") {
    throw new TypeError("gRPC needs HTTP/2: leave httpVersion out, or use grpc-web or connect");
  }
  const interceptors = stockInterceptors(options.headers);
  const createTransport = {
    grpc: createGrpcTransport,
    "grpc-web": createGrpcWebTransport,
    connect: createConnectTransport,
  }[protocol] as typeof createConnectTransport;
  if (httpVersion === "1.1") {
    const { client, agent, close } = createHttp1Client(baseUrl, connectOptions(options));
    return agentClientOn({
      transport: createTransport({ baseUrl, httpVersion, interceptors, nodeOptions: { agent } }),
      events: createEventTransport({ ...options, protocol, client }),
      close,
    });
  }
  const sessionManager = openSessions(options);
  return agentClientOn({
    transport: createTransport({ baseUrl, httpVersion, interceptors, sessionManager }),
    events: createEventTransport({ ...options, protocol, client: createHttp2Client(sessionManager) }),
    close: () => sessionManager.close(),
  });
}

function openSessions(options: NodeAgentClientOptions): Http2Sessions {
  const { baseUrl, pingIntervalMs, streamWindowBytes = 256 << 10 } = options;
  const settings = { initialWindowSize: streamWindowBytes, enablePush: false };
  return new Http2Sessions(baseUrl, {
    connect: { ...connectOptions(options), settings },
    ...(pingIntervalMs !== undefined && { pingIntervalMs }),
  });
}

/** What `net.connect` and `tls.connect` are told. */
function connectOptions({ tls, lookup }: NodeAgentClientOptions) {
  return { ...tls, ...(lookup !== undefined && { lookup }) };
}
