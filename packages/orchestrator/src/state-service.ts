import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { timestampNow, type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { type Json, type StateChange, selectState } from "@dragoman/agui";
import { HeartbeatSchema } from "@dragoman/contract/agent/v1/stream_pb";
import {
  type StateService,
  type UpdateStateRequest,
  type WatchStateRequest,
  type WatchStateResponse,
  WatchStateResponseSchema,
} from "@dragoman/contract/orchestrator/v1/state_service_pb";
import { EngineError, type StateWatch } from "@dragoman/engine";
import { mapErrors, toConnectError } from "./errors.ts";
import type { CompleteOptions } from "./options.ts";
import { readPatch } from "./read-patch.ts";
import { readValue } from "./read-value.ts";
import { StateDiffs } from "./state-diffs.ts";

/** Serves orchestrator.v1.StateService on an engine. */
export function createStateService(options: CompleteOptions): ServiceImpl<typeof StateService> {
  const { engine, namespaceOf } = options;
  const diffs = new StateDiffs();
  const keyOf = (request: { readonly sessionId: string }, context: HandlerContext) => {
    return { namespace: namespaceOf(context), id: request.sessionId };
  };
  return {
    getState: (request, context) =>
      mapErrors(async () => {
        const { state, revision, logId } = await engine.states.get(keyOf(request, context));
        return { state: toValue(selected(state, request.keys)), revision: BigInt(revision), logId };
      }),
    updateState: (request, context) =>
      mapErrors(async () => {
        const { state, revision, changed } = await engine.states.update(keyOf(request, context), {
          change: changeOf(request),
          requestId: request.requestId,
          ...(request.ifRevision !== undefined && { ifRevision: Number(request.ifRevision) }),
        });
        return { state: toValue(state), revision: BigInt(revision), changed };
      }),
    watchState: (request, context) => watchState(request, context, options, diffs),
  };
}

async function* watchState(
  request: WatchStateRequest,
  context: HandlerContext,
  { engine, namespaceOf, heartbeatMs }: CompleteOptions,
  diffs: StateDiffs,
): AsyncGenerator<WatchStateResponse> {
  let watch: StateWatch | undefined;
  try {
    watch = await engine.states.watch(
      { namespace: namespaceOf(context), id: request.sessionId },
      {
        logId: request.logId,
        idleMs: heartbeatMs,
        signal: context.signal,
        ...(request.afterRevision !== undefined && { afterRevision: Number(request.afterRevision) }),
      },
    );
    yield* items(watch, request, diffs);
  } catch (error) {
    throw toConnectError(error);
  } finally {
    watch?.close();
  }
}

/** A snapshot, then differences; the caller who is up to date gets a heartbeat, to know that it is attached. */
async function* items(
  watch: StateWatch,
  request: WatchStateRequest,
  diffs: StateDiffs,
): AsyncGenerator<WatchStateResponse> {
  let logId = watch.logId;
  let revision = Number(request.afterRevision ?? -1n);
  const isUpToDate = revision === watch.revision;
  let sent: Json | undefined = isUpToDate ? selected(watch.state, request.keys) : undefined;
  const item = (of: WatchStateResponse["item"]): WatchStateResponse => {
    const message = create(WatchStateResponseSchema, { revision: BigInt(revision), logId, item: of });
    logId = "";
    return message;
  };
  if (isUpToDate) yield item(heartbeat(revision));
  for (let next = await watch.next(); next !== "end"; next = await watch.next()) {
    if (next === "idle") {
      yield item(heartbeat(revision));
      continue;
    }
    const state = selected(next.state, request.keys);
    revision = next.revision;
    if (sent === undefined) yield item({ case: "snapshot", value: toValue(state) });
    else {
      const patch = diffs.patch(sent, state);
      // A change elsewhere is none to who watches keys.
      if (patch) yield item({ case: "patch", value: patch });
    }
    sent = state;
  }
}

function heartbeat(revision: number): WatchStateResponse["item"] {
  const value = create(HeartbeatSchema, { headSequence: BigInt(revision), time: timestampNow() });
  return { case: "heartbeat", value };
}

/** The whole state, or an object from each key that is there to its value. */
function selected(state: unknown, keys: readonly string[]): Json {
  return keys.length === 0 ? (state as Json) : selectState(state as Json, keys);
}

function toValue(state: unknown): Value {
  return fromJson(ValueSchema, state as JsonValue);
}

function changeOf({ change }: UpdateStateRequest): StateChange {
  switch (change.case) {
    case "patch":
      return { kind: "patch", operations: readPatch(change.value.operations) };
    case "mergePatch":
      return { kind: "merge", patch: readValue(change.value, "merge_patch") };
    case "replacement":
      return { kind: "replace", value: readValue(change.value, "replacement") };
    default:
      throw new EngineError("INVALID_REQUEST", "a change is required: patch, merge_patch or replacement");
  }
}
