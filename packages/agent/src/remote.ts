import type { LookupFunction } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import { type AgentCapabilities, capabilitiesFromMessage, type RunAgentInput } from "@dragoman/agui";
import { type ClientEvent, errorReasonOf, type HeaderSource, type RunStream } from "@dragoman/client";
import { createAgentClient, type NodeAgentClientOptions, type TlsOptions } from "@dragoman/client/node";
import type { Agent, EncodedEvent, RunContext } from "./agent.ts";
import { AgentError, AgentUnavailableError, runErrorCodes } from "./errors.ts";
import { hopsHeaders } from "./hops.ts";
import { KindOfRemote } from "./live/is-live.ts";
import { liveEvents } from "./live/live-events.ts";
import { isUnimplemented, whyNotServing } from "./remote-health.ts";

export { AgentError, AgentUnavailableError } from "./errors.ts";
export { hopsMax, readHops } from "./hops.ts";

/** Where a remote agent is. */
export interface RemoteAgentOptions {
  /** The host that serves AGUIService: "http://127.0.0.1:7000", or "127.0.0.1:7000". */
  readonly target: string;
  /** The RPC wire. Default "grpc". */
  readonly protocol?: NodeAgentClientOptions["protocol"];
  /** Default "2"; "1.1" for gRPC-Web and Connect through proxies that know nothing else. */
  readonly httpVersion?: NodeAgentClientOptions["httpVersion"];
  /** Headers of every request, such as credentials. */
  readonly headers?: HeaderSource;
  /** Certificates. With them a target without a scheme is https. */
  readonly tls?: TlsOptions;
  /** The agent of that host. Default its default agent. */
  readonly agentId?: string;
  /** What it is for, in a sentence. */
  readonly description?: string;
  /** A stream on which nothing comes for so long, not even a heartbeat, is lost, in milliseconds. Default 45,000. */
  readonly heartbeatTimeoutMs?: number;
  /** How often a connection that cannot be made is tried again before a run fails. Default 2. */
  readonly maxStartAttempts?: number;
  /** Finds the addresses of the host, in place of `dns.lookup`; see NodeAgentClientOptions. */
  readonly lookup?: LookupFunction;
}

/** What a host says about an agent. */
export interface AgentDescription {
  /** What it is for, in a sentence. */
  readonly description: string;
  readonly capabilities: AgentCapabilities;
}

/** An agent that runs elsewhere. Close it to end its connections. */
export interface RemoteAgent extends Agent {
  /**
   * Asks the host whether it takes runs, by AGUIService, else by grpc.health.v1; a host that has neither does if it
   * answers. Throws AgentUnavailableError, which says why it does not.
   */
  checkHealth(signal: AbortSignal): Promise<void>;
  /**
   * Asks the host about the agent; undefined if it does not tell. Throws AgentError where it has no such agent, and
   * AgentUnavailableError.
   */
  describe(signal: AbortSignal): Promise<AgentDescription | undefined>;
  close(): void;
}

/**
 * A remote AGUIService as an agent. Its events come with their bytes, so that a host passes them on without
 * encoding them again. A service that keeps a log is resumed where a connection is cut; a bare host is not.
 *
 * An agent there that is live is talked to while it works, by LiveService, where the host of this run can. Where such
 * a stream is cut, a service that keeps a log is gone on with, without talking.
 *
 * When the run is aborted here, it is cancelled there. `run` throws AgentUnavailableError if the service cannot be
 * reached or is lost, and AgentError with its reason if it refuses the run.
 */
export function remoteAgent(options: RemoteAgentOptions): RemoteAgent {
  const { target, agentId = "", heartbeatTimeoutMs, maxStartAttempts } = options;
  const { protocol, httpVersion, headers, tls, lookup } = options;
  const client = createAgentClient({
    baseUrl: urlOf(target, tls),
    ...(protocol !== undefined && { protocol }),
    ...(httpVersion !== undefined && { httpVersion }),
    ...(headers !== undefined && { headers }),
    ...(tls !== undefined && { tls }),
    ...(lookup !== undefined && { lookup }),
  });
  const kind = new KindOfRemote(client, agentId);
  // A stream in both directions needs HTTP/2, and browsers' wires do without.
  const canBeLive = httpVersion !== "1.1" && protocol !== "grpc-web";
  async function describe(signal: AbortSignal): Promise<AgentDescription | undefined> {
    try {
      const { agents } = await client.agui.getServiceInfo({ agentId }, { signal });
      const { description = "", capabilities } = agents[0] ?? {};
      return { description, capabilities: capabilities ? capabilitiesFromMessage(capabilities) : {} };
    } catch (error) {
      if (isUnimplemented(error)) return undefined;
      throw translate(error, options, "cannot be used");
    }
  }
  return {
    kind: protocol ?? "grpc",
    ...(options.description !== undefined && { description: options.description }),
    run(input: RunAgentInput, context: RunContext): AsyncIterable<EncodedEvent> {
      const stream = {
        signal: context.signal,
        onAbort: "cancel",
        keepBytes: true,
        ...(heartbeatTimeoutMs !== undefined && { heartbeatTimeoutMs }),
      } as const;
      const start = {
        agentId,
        onDisconnect: "cancel",
        maxStartAttempts: maxStartAttempts ?? 2,
        headers: hopsHeaders(context.hops),
      } as const;
      // `keepBytes` gives every event its bytes.
      const wrap = (events: RunStream) =>
        withErrors(events, (error) => translate(error, options)) as AsyncIterable<EncodedEvent>;
      const plain = () => wrap(client.run(input, { ...stream, ...start }));
      if (!canBeLive || !context.inputs?.handOn) return plain();
      return liveEvents(
        { client, agentId, kind, translate: (error) => translate(error, options) },
        { input, context, heartbeatTimeoutMs },
        { plain, observe: (target, place) => wrap(client.observeRun(target, { ...stream, ...place })) },
      );
    },
    async capabilities(signal: AbortSignal): Promise<AgentCapabilities> {
      return (await describe(signal))?.capabilities ?? {};
    },
    async checkHealth(signal: AbortSignal): Promise<void> {
      let why: string | undefined;
      try {
        why = await whyNotServing(client, signal);
      } catch (error) {
        throw translate(error, options, "cannot be used");
      }
      if (why !== undefined) throw new AgentUnavailableError(`${target} takes no runs: ${why}`);
    },
    describe,
    close: () => client.close(),
  };
}

function urlOf(target: string, tls: TlsOptions | undefined): string {
  if (/^https?:\/\//.test(target)) return target;
  return `${tls === undefined ? "http" : "https"}://${target}`;
}

/** The events of a stream with other errors. No generator: it would cost more per event than all the rest. */
function withErrors(
  stream: RunStream,
  translateError: (error: unknown) => unknown,
): AsyncIterable<ClientEvent> {
  const rethrow = (error: unknown): never => {
    throw translateError(error);
  };
  return {
    [Symbol.asyncIterator]: () => ({
      next() {
        const value = stream.take();
        return value === undefined ? stream.next().catch(rethrow) : Promise.resolve({ done: false, value });
      },
      return: () => stream.return(),
    }),
  };
}

/** Says what went wrong with the service, in words for the reader of a RUN_ERROR. */
function translate(
  error: unknown,
  { target, agentId }: RemoteAgentOptions,
  refusal = "refused the run",
): unknown {
  if (!(error instanceof ConnectError)) return error;
  const { rawMessage, code } = error;
  const options = { cause: error };
  const reason = errorReasonOf(error);
  const which = agentId === undefined || agentId === "" ? "" : ` ${JSON.stringify(agentId)}`;
  if (code === Code.Unimplemented || reason === "PATH_NOT_FOUND") {
    return new AgentUnavailableError(`There is no AGUIService at ${target}: ${rawMessage}`, options);
  }
  switch (code) {
    case Code.Unavailable:
      return new AgentUnavailableError(
        `The agent${which} at ${target} cannot be reached: ${rawMessage}`,
        options,
      );
    case Code.Canceled:
    case Code.DeadlineExceeded:
      return new AgentUnavailableError(
        `The agent${which} at ${target} ended the call: ${rawMessage}`,
        options,
      );
    case Code.Unauthenticated:
    case Code.PermissionDenied:
      return new AgentUnavailableError(`${target} refuses the credentials: ${rawMessage}`, options);
    default:
      return new AgentError(
        reason ?? runErrorCodes.agentError,
        `The agent${which} at ${target} ${refusal}: ${rawMessage}`,
        options,
      );
  }
}
