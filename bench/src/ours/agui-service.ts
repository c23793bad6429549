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
import { firstEvent, mixEvents, pacedEvents, readPlan } from "../workload.ts";

/** How many bytes are gathered before they are handed on, where events come faster than they leave. */
const FLUSH_BYTES = 16_384;

/** Our server with a service that encodes events as the engine does, and nothing behind it. */
async function* runAgent(
  request: RunAgentRequest,
  context: HandlerContext,
): AsyncGenerator<RunAgentResponse> {
  const plan = readPlan(request.input?.runId ?? "");
  const encoder = new FrameEncoder();
  const take = () => readyItem(RunAgentResponseSchema, new EventBatch("bench", encoder.take()));
  let sequence = 0;
  if (plan.kind === "mix") {
    for (const event of mixEvents(plan.cycles)) {
      encoder.append(++sequence, event);
      if (encoder.pendingBytes >= FLUSH_BYTES) yield take();
    }
    yield take();
  } else if (plan.kind === "paced") {
    for await (const event of pacedEvents(plan.count, plan.intervalMs)) {
      encoder.append(++sequence, event);
      yield take();
    }
  } else if (plan.kind === "idle") {
    encoder.append(++sequence, firstEvent);
    yield take();
    await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
  } else {
    throw new Error(`no ${plan.kind} here`);
  }
}

export const commands = {
  async listen(): Promise<{ http1: number; http2: number }> {
    const server = createServer({ services: [implement(AGUIService, { runAgent })] });
    const { port } = await server.listen();
    return { http1: port, http2: port };
  },
};
