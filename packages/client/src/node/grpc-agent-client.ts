import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { CallOptions as ConnectCallOptions } from "@connectrpc/connect";
import type {
  RunAgentLoopRequestSchema,
  SpawnAgentRequestSchema,
} from "@dragoman/contract/agent/v1/agent_service_pb";
import {
  type AgentAnswer,
  type AgentEvent,
  type SpawnAnswer,
  toAgentAnswer,
  toAgentEvent,
  toSpawnAnswer,
} from "../agent-loop.ts";
import type { HeaderSource } from "../headers.ts";
import { createAgentClient, type TlsOptions } from "./agent-client.ts";

/** How an agent client calls its server. */
export interface GrpcAgentClientOptions {
  /** Certificates. With them a target without a scheme is called over TLS; `cert` and `key` are for mutual TLS. */
  readonly tls?: TlsOptions;
  /** Headers of every request, such as credentials. */
  readonly headers?: HeaderSource;
  /** How long a call may take, in milliseconds. Default: as long as it takes. The run goes on after it. */
  readonly deadlineMs?: number;
}

/** How one call is made. */
export interface GrpcAgentCallOptions {
  /** Ends the call; the run goes on. */
  readonly signal?: AbortSignal;
  /** How long this call may take, in milliseconds. Default: as the client was made. */
  readonly deadlineMs?: number;
}

type Init<Schema extends typeof RunAgentLoopRequestSchema | typeof SpawnAgentRequestSchema> = Omit<
  Exclude<MessageInitShape<Schema>, { $typeName: string }>,
  "$typeName" | "$unknown"
>;

/** One turn of a session. */
export type AgentRequest = Init<typeof RunAgentLoopRequestSchema> & { readonly message: string };
/** A task for a sub-agent. */
export type SpawnRequest = Init<typeof SpawnAgentRequestSchema> & {
  readonly targetAgentId: string;
  readonly task: string;
};

/** Runs agents as plain calls: text in, text out. What a call fails with is a `ConnectError`. */
export interface GrpcAgentClient {
  /** Runs one turn of a session and returns its answer. Rejects with RUN_FAILED if the run fails. */
  runAgentLoop(request: AgentRequest, options?: GrpcAgentCallOptions): Promise<AgentAnswer>;
  /** Runs one turn of a session and streams what happens. Leaving the loop ends the call; the run goes on. */
  runAgentLoopStream(request: AgentRequest, options?: GrpcAgentCallOptions): AsyncIterable<AgentEvent>;
  /** Gives a task to a sub-agent and returns its answer. */
  spawnAgent(request: SpawnRequest, options?: GrpcAgentCallOptions): Promise<SpawnAnswer>;
  /** Says whether the service is up. */
  healthCheck(options?: GrpcAgentCallOptions): Promise<{ readonly status: string; readonly timestamp: Date }>;
  /** Closes the connection. Calls that are open break; their runs go on. */
  close(): void;
}

/**
 * Creates a client of AgentService over gRPC.
 *
 * @param target where the server is: "localhost:50051", or a URL
 * @throws {TypeError} for a target that is neither, and for certificates with a URL of http
 */
export function createGrpcAgentClient(target: string, options: GrpcAgentClientOptions = {}): GrpcAgentClient {
  const { tls, headers, deadlineMs } = options;
  const client = createAgentClient({
    baseUrl: urlOf(target, tls),
    ...(tls !== undefined && { tls }),
    ...(headers !== undefined && { headers }),
  });
  const { loop } = client;
  const callOptions = (call: GrpcAgentCallOptions = {}): ConnectCallOptions => {
    const timeoutMs = call.deadlineMs ?? deadlineMs;
    return {
      ...(call.signal !== undefined && { signal: call.signal }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    };
  };
  return {
    runAgentLoop: async (request, call) => toAgentAnswer(await loop.runAgentLoop(request, callOptions(call))),
    runAgentLoopStream: (request, call) => streamEvents(loop, request, callOptions(call)),
    spawnAgent: async (request, call) => toSpawnAnswer(await loop.spawnAgent(request, callOptions(call))),
    async healthCheck(call) {
      const { status, timestamp } = await loop.healthCheck({}, callOptions(call));
      return { status, timestamp: dateOf(timestamp) };
    },
    close: () => client.close(),
  };
}

/** Leaving a loop over a stream of Connect's own does not end its call. */
async function* streamEvents(
  loop: ReturnType<typeof createAgentClient>["loop"],
  request: AgentRequest,
  { signal, ...options }: ConnectCallOptions,
): AsyncGenerator<AgentEvent> {
  const leave = new AbortController();
  const either = signal ? AbortSignal.any([signal, leave.signal]) : leave.signal;
  try {
    for await (const item of loop.runAgentLoopStream(request, { ...options, signal: either })) {
      const event = toAgentEvent(item);
      if (event) yield event;
    }
  } finally {
    leave.abort();
  }
}

function dateOf(timestamp: Timestamp | undefined): Date {
  return timestamp === undefined ? new Date(0) : timestampDate(timestamp);
}

/** Names of gRPC such as "dns:///host" are not resolved: taken for a host they would be looked for in vain. */
function urlOf(target: string, tls: TlsOptions | undefined): string {
  const isUrl = /^https?:\/\//i.test(target);
  const text = isUrl ? target : `${tls === undefined ? "http" : "https"}://${target}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isBare = isUrl || !/^[a-z][a-z0-9+.-]*:(?!\d+(\/|$))/i.test(target);
  if (!url || !isBare || `${url.username}${url.password}${url.search}${url.hash}` !== "") {
    throw new TypeError(
      'the target must be a host and a port such as "localhost:50051", or a URL of http or https without credentials and query',
    );
  }
  if (tls !== undefined && url.protocol === "http:") {
    throw new TypeError(
      "the target begins with http://, so its certificates would not be used: write https://",
    );
  }
  return url.href;
}
