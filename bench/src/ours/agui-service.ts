import type { HandlerContext } from "@connectrpc/connect";
import { EventBatch, FrameEncoder } from "@dragoman/agui";
import {
  AGUIService,
  type RunAgentRequest,
  type RunAgentResponse,
  RunAgentResponseSchema,
} from "@dragoman/contract/agent/v1/agui_service_pb";
import { readyItem } from "@dragoman/rpc";
import { createServer, implement } from "@dragoman/server";
import { firstEvent, mixEvents, type Plan, pacedEvents, readPlan } from "../workload.ts";

/** How many bytes are gathered before they are handed on, where events come faster than they leave. */
const FLUSH_BYTES = 16_384;

/** Our server with a service that encodes events as the engine does, and nothing behind it. */
function runAgent(request: RunAgentRequest, context: HandlerContext): AsyncIterable<RunAgentResponse> {
  const plan = readPlan(request.input?.runId ?? "");
  if (plan.kind === "mix") return mix(plan.cycles);
  if (plan.kind === "paced") return paced(plan);
  if (plan.kind === "idle") return idle(context.signal);
  throw new Error(`no ${plan.kind} here`);
}

async function* mix(cycles: number): AsyncGenerator<RunAgentResponse> {
  const encoder = new FrameEncoder();
  let sequence = 0;
  for (const event of mixEvents(cycles)) {
    encoder.append(++sequence, event);
    if (encoder.pendingBytes >= FLUSH_BYTES) yield take(encoder);
  }
  yield take(encoder);
}

async function* paced(plan: Plan & { kind: "paced" }): AsyncGenerator<RunAgentResponse> {
  const encoder = new FrameEncoder();
  let sequence = 0;
  for await (const event of pacedEvents(plan)) {
    encoder.append(++sequence, event);
    yield take(encoder);
  }
}

/** The first event is one batch for all streams, as events of a log are. */
async function* idle(signal: AbortSignal): AsyncGenerator<RunAgentResponse> {
  yield readyItem(RunAgentResponseSchema, firstBatch);
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
}

const firstBatch = makeFirstBatch();

function makeFirstBatch(): EventBatch {
  const encoder = new FrameEncoder();
  encoder.append(1, firstEvent);
  return new EventBatch("bench", encoder.take());
}

function take(encoder: FrameEncoder): RunAgentResponse {
  return readyItem(RunAgentResponseSchema, new EventBatch("bench", encoder.take()));
}

export const commands = {
  async listen(): Promise<{ http1: number; http2: number }> {
    const server = createServer({ services: [implement(AGUIService, { runAgent })] });
    const { port } = await server.listen();
    return { http1: port, http2: port };
  },
};
