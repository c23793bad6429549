import { type MessageShape, toBinary } from "@bufbuild/protobuf";
import { createMethodUrl } from "@connectrpc/connect/protocol";
import { AGUIService } from "@dragoman/contract/agent/v1/agui_service_pb";
import { RunService } from "@dragoman/contract/orchestrator/v1/run_service_pb";
import { SessionService } from "@dragoman/contract/orchestrator/v1/session_service_pb";
import type { ByteClient } from "./byte-stream.ts";
import { type EventStream, type QueueLimits, queueLimits } from "./event-stream.ts";
import { type HeaderSource, resolveHeaders } from "./headers.ts";
import { openRpcStream } from "./rpc-stream.ts";
import { type ProtocolName, wireProtocols } from "./wire-protocol.ts";

/** The methods whose streams have items of one layout. */
export const streamMethods = {
  runAgent: AGUIService.method.runAgent,
  observeRun: RunService.method.observeRun,
  observeSession: SessionService.method.observeSession,
} as const;

/** The name of a method that streams events. */
export type StreamMethodName = keyof typeof streamMethods;
/** The request message of such a method. */
export type StreamRequest<M extends StreamMethodName> = MessageShape<(typeof streamMethods)[M]["input"]>;

/** What a caller may say about one call. */
export interface CallOptions {
  /** Ends the call: it throws what the signal was aborted with, as a ConnectError. */
  readonly signal?: AbortSignal;
  /** Headers of this call, over those of the transport. */
  readonly headers?: HeaderSource;
  /** How long the whole call may take, in milliseconds. The server hears of it. Default: forever. */
  readonly timeoutMs?: number;
  /** Whether events keep the bytes they came in, for who passes them on. Default false. */
  readonly keepBytes?: boolean;
}

/** Opens streams of events: what a Transport is to Connect, but for these three methods and much cheaper. */
export interface EventTransport {
  /** Makes the call. Never throws; the stream does. */
  open<M extends StreamMethodName>(method: M, request: StreamRequest<M>, options?: CallOptions): EventStream;
}

/** How an event transport reads. */
export interface EventTransportOptions extends Partial<QueueLimits> {
  /** Where the services are, such as "https://agents.example.com". A path is kept. */
  readonly baseUrl: string;
  /** The RPC wire. "grpc" needs a client that has HTTP/2 and trailers, which `fetch` has not. */
  readonly protocol: ProtocolName;
  /** What sends the requests. */
  readonly client: ByteClient;
  /** Headers of every request. */
  readonly headers?: HeaderSource;
  /** The largest message that is taken, in bytes; a larger one ends the call. At least 1; default 32 MiB. */
  readonly maxMessageBytes?: number;
}

/** Creates an event transport on a client of HTTP. */
export function createEventTransport(options: EventTransportOptions): EventTransport {
  const { baseUrl, client, headers, maxMessageBytes = 32 << 20 } = options;
  const protocol = wireProtocols[options.protocol];
  const limits = queueLimits(options);
  return {
    open(method, request, call = {}) {
      const described = streamMethods[method];
      return openRpcStream({
        client,
        protocol,
        url: createMethodUrl(baseUrl, described),
        message: toBinary(described.input, request),
        header: () => resolveHeaders(headers, call.headers),
        limits,
        maxMessageBytes,
        keepBytes: call.keepBytes ?? false,
        timeoutMs: call.timeoutMs,
        signal: call.signal,
      });
    },
  };
}
