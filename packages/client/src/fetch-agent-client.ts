import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { type AgentClient, agentClientOn } from "./agent-client.ts";
import { createEventTransport, type EventTransportOptions } from "./event-transport.ts";
import { createFetchClient } from "./fetch-client.ts";
import type { HeaderSource } from "./headers.ts";
import { stockInterceptors } from "./stock-interceptors.ts";

/** Where the services are and how they are spoken to by `fetch`. */
export interface AgentClientOptions
  extends Pick<EventTransportOptions, "maxBufferedItems" | "maxBufferedBytes" | "maxMessageBytes"> {
  /** Where the services are, such as "https://agents.example.com". */
  readonly baseUrl: string;
  /** The RPC wire. Default "grpc-web". For gRPC use `@dragoman/client/node`: `fetch` cannot carry it. */
  readonly protocol?: "grpc-web" | "connect";
  /** Headers of every request, such as credentials. */
  readonly headers?: HeaderSource;
  /** What to call instead of the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Whether cookies and the like are sent to other origins. Default as the platform does. */
  readonly credentials?: RequestCredentials;
}

/** Creates a client for browsers and every other runtime that has `fetch`. */
export function createAgentClient(options: AgentClientOptions): AgentClient {
  const { baseUrl, protocol = "grpc-web", headers, credentials } = options;
  const fetchFunction: typeof fetch = options.fetch ?? ((input, init) => fetch(input, init));
  const createTransport = protocol === "connect" ? createConnectTransport : createGrpcWebTransport;
  return agentClientOn({
    transport: createTransport({
      baseUrl,
      useBinaryFormat: true,
      interceptors: stockInterceptors(headers),
      fetch: (input, init) =>
        fetchFunction(input, credentials === undefined ? init : { ...init, credentials }),
    }),
    events: createEventTransport({
      ...options,
      protocol,
      client: createFetchClient(fetchFunction, credentials),
    }),
  });
}
