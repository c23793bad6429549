import { create, fromBinary } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs, timestampNow } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { HeartbeatSchema } from "@dragoman/contract/agent/v1/stream_pb";
import { EventSchema } from "@dragoman/contract/agui/v1/event_pb";
import {
  type EventFilter as EventFilterMessage,
  type EventService,
  type ReplayEventsRequest,
  type ReplayEventsResponse,
  ReplayEventsResponseSchema,
  SessionEventSchema,
  SkippedEventsSchema,
  type WatchEventsRequest,
  type WatchEventsResponse,
  WatchEventsResponseSchema,
} from "@dragoman/contract/orchestrator/v1/event_service_pb";
import type { EventFilter, ReplayOptions, SessionEvent } from "@dragoman/engine";
import { toConnectError } from "./errors.ts";
import type { CompleteOptions } from "./options.ts";

/** Serves orchestrator.v1.EventService on an engine. */
export function createEventService(options: CompleteOptions): ServiceImpl<typeof EventService> {
  return {
    watchEvents: (request, context) => watchEvents(request, context, options),
    replayEvents: (request, context) => replayEvents(request, context, options),
  };
}

/** A heartbeat comes first, so that the caller knows from when on it sees events. */
async function* watchEvents(
  request: WatchEventsRequest,
  context: HandlerContext,
  { engine, namespaceOf, heartbeatMs }: CompleteOptions,
): AsyncGenerator<WatchEventsResponse> {
  const item = (of: WatchEventsResponse["item"]) => create(WatchEventsResponseSchema, { item: of });
  const watch = engine.events.watch({
    namespace: namespaceOf(context),
    filter: filterOf(request.filter),
    idleMs: heartbeatMs,
    signal: context.signal,
  });
  try {
    yield item({ case: "heartbeat", value: heartbeat() });
    for (;;) {
      const result = await watch.next();
      if (result === "idle") {
        yield item({ case: "heartbeat", value: heartbeat() });
        continue;
      }
      if (result.skippedCount > 0) {
        const eventCount = BigInt(result.skippedCount);
        yield item({ case: "skipped", value: create(SkippedEventsSchema, { eventCount }) });
      }
      for (const event of result.events) yield item({ case: "event", value: eventMessage(event) });
    }
  } catch (error) {
    throw toConnectError(error);
  } finally {
    watch.close();
  }
}

async function* replayEvents(
  request: ReplayEventsRequest,
  context: HandlerContext,
  options: CompleteOptions,
): AsyncGenerator<ReplayEventsResponse> {
  let quietSince = Date.now();
  try {
    for await (const page of options.engine.events.replay(replayOptions(request, context, options))) {
      for (const [index, event] of page.events.entries()) {
        const item = { case: "event", value: eventMessage(event) } as const;
        yield create(ReplayEventsResponseSchema, { item, cursor: page.cursorAfter(index) });
      }
      if (page.events.length > 0) quietSince = Date.now();
      else if (Date.now() - quietSince > options.heartbeatMs) {
        quietSince = Date.now();
        const item = { case: "heartbeat", value: heartbeat() } as const;
        yield create(ReplayEventsResponseSchema, { item, cursor: page.cursorAfter(-1) });
      }
    }
  } catch (error) {
    throw toConnectError(error);
  }
}

function replayOptions(
  request: ReplayEventsRequest,
  context: HandlerContext,
  { namespaceOf }: CompleteOptions,
): ReplayOptions {
  const { startTime, endTime, afterSequence, cursor } = request;
  return {
    namespace: namespaceOf(context),
    filter: filterOf(request.filter),
    cursor,
    signal: context.signal,
    ...(startTime && { startTime: timestampMs(startTime) }),
    ...(endTime && { endTime: timestampMs(endTime) }),
    ...(afterSequence !== undefined && { afterSequence: Number(afterSequence) }),
  };
}

function filterOf(filter: EventFilterMessage | undefined): EventFilter {
  const { agentIds = [], sessionIds = [], runIds = [], eventTypes = [] } = filter ?? {};
  return { agentIds, sessionIds, runIds, eventTypes };
}

function eventMessage(found: SessionEvent) {
  const { sessionId, runId, agentId, logId, time, bytes } = found;
  return create(SessionEventSchema, {
    sessionId,
    runId,
    agentId,
    logId,
    sequence: BigInt(found.sequence),
    time: timestampFromMs(time),
    event: fromBinary(EventSchema, bytes),
  });
}

function heartbeat() {
  return create(HeartbeatSchema, { time: timestampNow() });
}
