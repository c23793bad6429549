import { Code, ConnectError } from "@connectrpc/connect";
import type { RunAgentInput } from "@dragoman/agui";
import type { AgentClient } from "@dragoman/client";
import type { EncodedEvent, RunContext } from "../agent.ts";
import type { HandedInputs } from "../live-inputs.ts";
import { deferred } from "./deferred.ts";
import type { KindOfRemote, RemoteKind } from "./is-live.ts";
import { runLive } from "./run-live.ts";

/** A remote agent. */
export interface LiveRemote {
  readonly client: AgentClient;
  readonly agentId: string;
  readonly kind: KindOfRemote;
  /** What a failure of a call is for the reader of a RUN_ERROR. */
  readonly translate: (error: unknown) => unknown;
}

/** What is to be run. */
export interface LiveRequest {
  readonly input: RunAgentInput;
  readonly context: RunContext;
  readonly heartbeatTimeoutMs: number | undefined;
}

/** The other ways to the events of the run. */
export interface OtherWays {
  /** As for an agent that is not live. */
  readonly plain: () => AsyncIterable<EncodedEvent>;
  /** Those after a place in the log of a host that keeps one. */
  readonly observe: (
    target: { readonly sessionId: string; readonly runId: string },
    place: { readonly afterSequence: number; readonly logId: string },
  ) => AsyncIterable<EncodedEvent>;
}

const heartbeatTimeoutMsDefault = 45_000;

/** The events of a run of a remote agent that may be live. */
export function liveEvents(
  remote: LiveRemote,
  request: LiveRequest,
  ways: OtherWays,
): AsyncIterable<EncodedEvent> {
  return deferred(async () => {
    const { signal, inputs } = request.context;
    const kind = await remote.kind.get(signal);
    const handed = kind.isLive ? inputs?.handOn?.() : undefined;
    return handed ? talk(remote, request, handed, kind, ways) : ways.plain();
  });
}

async function* talk(
  { client, agentId, kind, translate }: LiveRemote,
  { input, context, heartbeatTimeoutMs = heartbeatTimeoutMsDefault }: LiveRequest,
  inputs: HandedInputs,
  { isResumable }: RemoteKind,
  ways: OtherWays,
): AsyncGenerator<EncodedEvent, void> {
  const { signal, hops } = context;
  const place = { afterSequence: 0, logId: "" };
  const onPlace = (sequence: number, logId: string) => {
    place.afterSequence = sequence;
    place.logId = logId;
  };
  const run = { client, agentId, input, inputs, signal, hops, heartbeatTimeoutMs, isResumable, onPlace };
  try {
    yield* runLive(run);
  } catch (error) {
    kind.forget();
    await inputs.return?.(); // from here on nobody listens
    const isNew = place.afterSequence === 0;
    if (isNew && (hasNoLiveService(error) || neverArrived(error))) yield* ways.plain();
    else if (isResumable && isCut(error) && !signal.aborted) {
      const target = { sessionId: input.threadId, runId: input.runId };
      yield* isNew ? ways.plain() : ways.observe(target, place);
    } else throw translate(error);
  }
}

function hasNoLiveService(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unimplemented;
}

function isCut(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unavailable;
}

const absent: ReadonlySet<unknown> = new Set([
  "EAI_AGAIN",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
]);

/** Whether no connection was made, so that trying again does nothing twice. */
function neverArrived(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ("code" in cause && absent.has(cause.code)) return true;
  }
  return false;
}
