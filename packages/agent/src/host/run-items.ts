import { create, type MessageShape } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { Code, type HandlerContext } from "@connectrpc/connect";
import { type EventBatch, eventToMessage, type RunAgentInput, type RunStartedEvent } from "@dragoman/agui";
import type { RunAgentResponseSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import type { LiveSessionResponseSchema } from "@dragoman/contract/agent/v1/live_service_pb";
import { abortReason, readyBatches, readyItem, reasonError } from "@dragoman/rpc";
import type { Agent } from "../agent.ts";
import { driveAgent } from "../drive-agent.ts";
import type { LiveInputs } from "../live-inputs.ts";
import { createRunPipeline, type PipelineWarning } from "../pipeline.ts";
import { RunFeed, type RunFeedOptions } from "./run-feed.ts";

/** A run and what its host does besides. */
export interface HostedRun {
  readonly agentId: string;
  readonly agent: Agent;
  readonly input: RunAgentInput;
  readonly feed: RunFeedOptions;
  readonly onWarning: (warning: PipelineWarning) => void;
  /** How many servers it came through to be here. */
  readonly hops: number;
  /** What is said to the agent while it works, where the caller can. */
  readonly listen?: (feed: RunFeed) => Listening;
}

/** The other direction of a run. */
export interface Listening {
  readonly inputs: LiveInputs;
  /** Aborts when the caller wants the run to end as cancelled. */
  readonly cancelled: AbortSignal;
  /** A promise while the caller wants the agent to be held back. */
  readonly paused: () => Promise<void> | undefined;
}

/** The items of runs; their fields 1 to 4 are the same. */
type ItemSchema = typeof RunAgentResponseSchema | typeof LiveSessionResponseSchema;

/**
 * Runs an agent and yields the items of its stream. When the call ends, however it ends, the agent's signal
 * aborts: a host without a log has nobody else to run for.
 */
export async function* runItems<Schema extends ItemSchema>(
  schema: Schema,
  run: HostedRun,
  context: HandlerContext,
): AsyncGenerator<MessageShape<Schema>> {
  const feed = new RunFeed(run.feed);
  const gone = new AbortController();
  const listening = run.listen?.(feed);
  const cancelled = listening ? [listening.cancelled] : [];
  const signal = AbortSignal.any([context.signal, gone.signal, ...cancelled]);
  const onAbort = () => feed.end({ error: abortReason(context.signal) });
  context.signal.addEventListener("abort", onAbort, { once: true });
  if (context.signal.aborted) onAbort();
  startAgent(run, feed, signal, listening);
  const takesBatches = context.values.get(readyBatches);
  try {
    for (let item = await feed.next(); item !== "end"; item = await feed.next()) {
      if (item === "heartbeat") yield make(schema, heartbeat(feed.lastSequence));
      else if ("taken" in item) yield make(schema, taken(item.taken));
      else if (takesBatches) yield readyItem(schema, item.batch) as MessageShape<Schema>;
      else for (const event of eventsOf(item.batch)) yield make(schema, event);
    }
  } finally {
    listening?.inputs.end();
    context.signal.removeEventListener("abort", onAbort);
    feed.end();
    gone.abort(new Error("the call of the run has ended"));
  }
}

/** Runs the agent into the feed, in its own time. */
function startAgent(
  { agentId, agent, input, hops, onWarning }: HostedRun,
  feed: RunFeed,
  signal: AbortSignal,
  listening: Listening | undefined,
): void {
  const { threadId, runId, parentRunId } = input;
  const pipeline = createRunPipeline({
    threadId,
    runId,
    emit(event, bytes) {
      // What comes later is not heard: the agent is done.
      if (event.type === "RUN_FINISHED" || event.type === "RUN_ERROR") listening?.inputs.end();
      feed.append(event, bytes);
    },
    onWarning,
  });
  const started: RunStartedEvent = {
    type: "RUN_STARTED",
    threadId,
    runId,
    protocolVersion: "1.0",
    ...(parentRunId !== undefined && { parentRunId }),
  };
  pipeline.inject(started);
  const backpressure = () => listening?.paused() ?? feed.backpressure();
  const context = { signal, agentId, hops, ...(listening && { inputs: listening.inputs }) };
  driveAgent(agent, input, context, pipeline, { backpressure }).then(
    () => feed.end(),
    (cause: unknown) =>
      feed.end({ error: reasonError(Code.Internal, "INTERNAL", "The run could not go on.", { cause }) }),
  );
}

function make<Schema extends ItemSchema>(schema: Schema, fields: object): MessageShape<Schema> {
  return create(schema, fields as never) as MessageShape<Schema>;
}

function heartbeat(lastSequence: number): object {
  const value = { headSequence: BigInt(lastSequence), time: timestampNow() };
  return { item: { case: "heartbeat", value } };
}

function taken(requestNumber: number): object {
  return { item: { case: "taken", value: { requestNumber: BigInt(requestNumber) } } };
}

function* eventsOf(batch: EventBatch): Generator<object> {
  let sequence = BigInt(batch.firstSequence);
  for (const event of batch.events()) {
    yield { sequence, item: { case: "event", value: eventToMessage(event) } };
    sequence += 1n;
  }
}
