import { create } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { ObserveRunRequestSchema } from "@dragoman/contract/orchestrator/v1/run_service_pb";
import { ObserveSessionRequestSchema } from "@dragoman/contract/orchestrator/v1/session_service_pb";
import { completeResumeOptions, type ResumeOptions } from "./backoff.ts";
import type { CallOptions, EventTransport } from "./event-transport.ts";
import type { HeaderSource } from "./headers.ts";
import { ResumingStream } from "./resuming-stream.ts";
import { type AnyTransport, toEventTransport } from "./run-agent.ts";
import {
  type AttachModeName,
  attachMode,
  completeInput,
  type RunInput,
  type StartOptions,
  startRequest,
} from "./run-request.ts";
import { type AbortOptions, openRunStream, type RunStream } from "./run-stream.ts";
import type { Cursor, StreamPlan } from "./stream-plan.ts";
import { type TypedClients, typedClients } from "./typed-clients.ts";

/** What every stream of events takes. */
export interface StreamOptions extends ResumeOptions, AbortOptions {
  /** Headers of the requests of this stream. */
  readonly headers?: HeaderSource;
  /** Whether events keep the bytes they came in. Default false. */
  readonly keepBytes?: boolean;
}

/** Where a reader begins. */
export interface AttachOptions {
  /** Default "tail" with `afterSequence`, else "beginning". */
  readonly mode?: AttachModeName;
  /** The last sequence that the caller has. */
  readonly afterSequence?: number;
  /** The log that it is a place in. Default: not checked. */
  readonly logId?: string;
}

/** A client of the services of an agent host or an orchestrator. */
export interface AgentClient extends TypedClients {
  /** Starts a run, or joins it, and reads its events to the terminal one, over whatever cuts the connection. */
  run(input: RunInput, options?: StartOptions & StreamOptions): RunStream;
  /** Reads the events of a run. Without a run id, of the active run of the session, else of its last one. */
  observeRun(
    target: { sessionId: string; runId?: string },
    options?: AttachOptions & StreamOptions,
  ): RunStream;
  /** Reads the events of a session over all its runs; with `follow` also those that are still to come. */
  observeSession(
    target: { sessionId: string },
    options?: AttachOptions & Omit<StreamOptions, "onAbort"> & { readonly follow?: boolean },
  ): ResumingStream;
  /** Closes the connections. Streams that are open break. */
  close(): void;
}

/** What an agent client is made of. */
export interface AgentClientParts {
  /** For the typed clients. */
  readonly transport: Transport;
  /** For the streams of events. Default: through `transport`, which costs more. */
  readonly events?: EventTransport;
  /** Closes what the transports hold. */
  readonly close?: () => void;
}

/** Puts an agent client together from transports, for who has their own. */
export function agentClientOn(parts: AgentClientParts): AgentClient {
  const { transport, close = () => {} } = parts;
  const events = toEventTransport(parts.events ?? (transport satisfies AnyTransport));
  const clients = typedClients(transport);
  const { runs } = clients;
  return {
    ...clients,
    run: (input, options = {}) => {
      const { target, plan } = runPlan(events, input, options);
      return openRunStream({ target, plan, options: completeResumeOptions(options), runs }, options);
    },
    observeRun: ({ sessionId, runId = "" }, options = {}) => {
      const plan = observeRunPlan(events, sessionId, runId, options);
      const target = { sessionId, runId };
      return openRunStream({ target, plan, options: completeResumeOptions(options), runs }, options);
    },
    observeSession: ({ sessionId }, options = {}) => {
      const plan = observeSessionPlan(events, sessionId, options);
      const signal = options.signal ?? new AbortController().signal;
      return new ResumingStream(plan, completeResumeOptions(options), signal);
    },
    close,
  };
}

function runPlan(events: EventTransport, given: RunInput, options: StartOptions & StreamOptions) {
  const input = completeInput(given);
  const request = startRequest(input, options);
  const target = { sessionId: input.threadId, runId: input.runId };
  const plan: StreamPlan = {
    isRun: true,
    hasPrelude: false,
    cursor: undefined,
    open(cursor, signal) {
      const call = callOptions(options, signal);
      if (cursor === undefined) return events.open("runAgent", request, call);
      return events.open(
        "observeRun",
        create(ObserveRunRequestSchema, { ...target, ...tailOf(cursor) }),
        call,
      );
    },
  };
  return { target, plan };
}

function observeRunPlan(
  events: EventTransport,
  sessionId: string,
  runId: string,
  options: AttachOptions & StreamOptions,
): StreamPlan {
  return {
    isRun: true,
    ...attachPlan(options),
    // Without an id it is whatever run is active: from then on it is that one.
    open: (cursor, signal, seenRunId = "") =>
      events.open(
        "observeRun",
        create(ObserveRunRequestSchema, {
          sessionId,
          runId: runId === "" ? seenRunId : runId,
          ...placeOf(cursor, options),
        }),
        callOptions(options, signal),
      ),
  };
}

function observeSessionPlan(
  events: EventTransport,
  sessionId: string,
  options: AttachOptions & StreamOptions & { readonly follow?: boolean },
): StreamPlan {
  const follow = options.follow ?? false;
  return {
    isRun: false,
    ...attachPlan(options),
    open: (cursor, signal) =>
      events.open(
        "observeSession",
        create(ObserveSessionRequestSchema, { sessionId, follow, ...placeOf(cursor, options) }),
        callOptions(options, signal),
      ),
  };
}

function attachPlan({
  mode,
  afterSequence,
  logId = "",
}: AttachOptions): Pick<StreamPlan, "hasPrelude" | "cursor"> {
  const isTail = afterSequence !== undefined && (mode === undefined || mode === "tail");
  return { hasPrelude: mode === "snapshot", cursor: isTail ? { afterSequence, logId } : undefined };
}

/** Where to attach: after the cursor once there is one, else where the caller said. */
function placeOf(cursor: Cursor | undefined, options: AttachOptions) {
  if (cursor !== undefined) return tailOf(cursor);
  const { afterSequence, logId = "" } = options;
  return {
    mode: attachMode(options.mode),
    logId,
    ...(afterSequence !== undefined && { afterSequence: BigInt(afterSequence) }),
  };
}

function tailOf({ afterSequence, logId }: Cursor) {
  return { mode: attachMode("tail"), afterSequence: BigInt(afterSequence), logId };
}

function callOptions({ headers, keepBytes }: StreamOptions, signal: AbortSignal): CallOptions {
  return {
    signal,
    ...(headers !== undefined && { headers }),
    ...(keepBytes !== undefined && { keepBytes }),
  };
}
