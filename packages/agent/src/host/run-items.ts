import { create } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { Code, type HandlerContext } from "@connectrpc/connect";
import { type EventBatch, eventToMessage, type RunAgentInput, type RunStartedEvent } from "@dragoman/agui";
import { type RunAgentResponse, RunAgentResponseSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import { abortReason, readyBatches, readyItem, reasonError } from "@dragoman/rpc";
import type { Agent } from "../agent.ts";
import { driveAgent } from "../drive-agent.ts";
import { createRunPipeline, type PipelineWarning } from "../pipeline.ts";
import { RunFeed, type RunFeedOptions } from "./run-feed.ts";

/** A run and what its host does besides. */
export interface HostedRun {
  readonly agentId: string;
  readonly agent: Agent;
  readonly input: RunAgentInput;
  readonly feed: RunFeedOptions;
  readonly onWarning: (warning: PipelineWarning) => void;
}

/**
 * Runs an agent and yields the items of its stream. When the call ends, however it ends, the agent's signal
 * aborts: a host without a log has nobody else to run for.
 */
export async function* runItems(run: HostedRun, context: HandlerContext): AsyncGenerator<RunAgentResponse> {
  const feed = new RunFeed(run.feed);
  const gone = new AbortController();
  const signal = AbortSignal.any([context.signal, gone.signal]);
  const onAbort = () => feed.end({ error: abortReason(context.signal) });
  context.signal.addEventListener("abort", onAbort, { once: true });
  if (context.signal.aborted) onAbort();
  startAgent(run, feed, signal);
  const takesBatches = context.values.get(readyBatches);
  try {
    for (let item = await feed.next(); item !== "end"; item = await feed.next()) {
      if (item === "heartbeat") yield heartbeat(feed.lastSequence);
      else if (takesBatches) yield readyItem(RunAgentResponseSchema, item.batch);
      else yield* messagesOf(item.batch);
    }
  } finally {
    context.signal.removeEventListener("abort", onAbort);
    feed.end();
    gone.abort(new Error("the call of the run has ended"));
  }
}

/** Runs the agent into the feed, in its own time. */
function startAgent(
  { agentId, agent, input, onWarning }: HostedRun,
  feed: RunFeed,
  signal: AbortSignal,
): void {
  const { threadId, runId, parentRunId } = input;
  const pipeline = createRunPipeline({
    threadId,
    runId,
    emit: (event, bytes) => feed.append(event, bytes),
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
  const backpressure = () => feed.backpressure();
  driveAgent(agent, input, { signal, agentId }, pipeline, { backpressure }).then(
    () => feed.end(),
    (cause: unknown) =>
      feed.end({ error: reasonError(Code.Internal, "INTERNAL", "The run could not go on.", { cause }) }),
  );
}

function heartbeat(lastSequence: number): RunAgentResponse {
  return create(RunAgentResponseSchema, {
    item: { case: "heartbeat", value: { headSequence: BigInt(lastSequence), time: timestampNow() } },
  });
}

function* messagesOf(batch: EventBatch): Generator<RunAgentResponse> {
  let sequence = BigInt(batch.firstSequence);
  for (const event of batch.events()) {
    yield create(RunAgentResponseSchema, { sequence, item: { case: "event", value: eventToMessage(event) } });
    sequence += 1n;
  }
}
