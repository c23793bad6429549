import {
  AbstractAgent,
  type AgentConfig,
  type BaseEvent,
  enforceOutgoingInput,
  HttpAgent,
  type RunAgentInput,
} from "@ag-ui/client";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { eventFromMessage, inputToMessage } from "@dragoman/agui";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import { Observable } from "rxjs";
import { type AgentMaker, pinned } from "./observe.ts";
import type { Stream } from "./stream.ts";

/** The media type of AG-UI's binary events over HTTP. */
export const aguiBinaryType = "application/vnd.ag-ui.event+proto";

/** A way to reach a server: a protocol over a version of HTTP. */
export interface Wire {
  readonly name: string;
  /** Whether it carries events that have no binary form. */
  readonly carriesJsonOnly: boolean;
  /** Set for the RPC wires. */
  readonly transport?: Transport;
  /** What an AG-UI HTTP client asks for. Set for the AG-UI wires. */
  readonly accept?: string;
}

/** The wires of one server, with the connections behind them. */
export interface Wires {
  readonly baseUrl: string;
  readonly all: readonly Wire[];
  /** Closes the connections. */
  close(): void;
}

/** Opens every wire to the server at `baseUrl`, such as `http://127.0.0.1:50051`. */
export function openWires(baseUrl: string): Wires {
  const sessionManager = new Http2SessionManager(baseUrl);
  const h1 = { baseUrl, httpVersion: "1.1" as const };
  const h2 = { baseUrl, httpVersion: "2" as const, sessionManager };
  const rpc = (name: string, transport: Transport): Wire => ({ name, carriesJsonOnly: false, transport });
  return {
    baseUrl,
    all: [
      { name: "AG-UI SSE", carriesJsonOnly: true, accept: "text/event-stream" },
      { name: "AG-UI binary", carriesJsonOnly: false, accept: aguiBinaryType },
      rpc("gRPC", createGrpcTransport({ baseUrl, sessionManager })),
      rpc("gRPC-Web, HTTP/1.1", createGrpcWebTransport(h1)),
      rpc("gRPC-Web, HTTP/2", createGrpcWebTransport(h2)),
      rpc("Connect, HTTP/1.1", createConnectTransport({ ...h1, useBinaryFormat: true })),
      rpc("Connect, HTTP/2", createConnectTransport({ ...h2, useBinaryFormat: true })),
      rpc("Connect JSON", createConnectTransport({ ...h1, useBinaryFormat: false })),
    ],
    close: () => sessionManager.abort(),
  };
}

/** Agents of the stock client that run `agentId` over a wire, set up as the stream wants its client. */
export function agentsOver(wire: Wire, baseUrl: string, agentId: string, stream: Stream): AgentMaker {
  const version = stream.client?.maxProtocolVersion;
  const { transport } = wire;
  if (transport !== undefined) {
    const Agent = pinned(RpcAgent, version);
    return (config) => new Agent({ ...config, transport, agentId });
  }
  const Agent = pinned(HttpAgent, version);
  // The stock agent asks for SSE; a second header of the same name, spelt differently, is joined with its own.
  const headers = wire.accept === aguiBinaryType ? { accept: aguiBinaryType } : {};
  return (config) => new Agent({ ...config, url: `${baseUrl}/agents/${agentId}`, headers });
}

interface RpcAgentConfig extends AgentConfig {
  readonly transport: Transport;
  readonly agentId: string;
}

/** The stock client's processing over the generated client: what it takes to use AG-UI over any RPC wire. */
class RpcAgent extends AbstractAgent {
  readonly transport: Transport;

  constructor({ transport, ...config }: RpcAgentConfig) {
    super(config);
    this.transport = transport;
  }

  run(input: RunAgentInput): Observable<BaseEvent> {
    const client = createClient(AGUIService, this.transport);
    const request = { agentId: this.agentId ?? "", input: inputToMessage(enforceOutgoingInput(input)) };
    return new Observable((subscriber) => {
      const abort = new AbortController();
      const read = async () => {
        for await (const { item } of client.runAgent(request, { signal: abort.signal })) {
          if (item.case === "event") subscriber.next(eventFromMessage(item.value) as BaseEvent);
        }
      };
      read().then(
        () => subscriber.complete(),
        (error: unknown) => subscriber.error(error),
      );
      return () => abort.abort();
    });
  }
}
