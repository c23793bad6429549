import { create } from "@bufbuild/protobuf";
import { Code, type HandlerContext } from "@connectrpc/connect";
import { EventBatch, FrameEncoder } from "@dragoman/agui";
import {
  AGUIService,
  type RunAgentRequest,
  type RunAgentResponse,
  RunAgentResponseSchema,
} from "@dragoman/contract/agent/v1/agui_service_pb";
import { readyBatches, readyItem, reasonError } from "@dragoman/rpc";
import { implement, type ServiceEntry } from "../options.ts";

/** What the service of the tests saw. */
export interface Seen {
  /** Why the signal of each finished call was aborted, in order. */
  readonly ended: unknown[];
  /** The message kinds that were yielded. */
  readonly elements: string[];
}

/**
 * An AGUIService for tests. `input.runId` chooses what it does; `input.context[0].value` how many events.
 */
export function testService(): { entry: ServiceEntry; seen: Seen } {
  const seen: Seen = { ended: [], elements: [] };
  const entry = implement(AGUIService, {
    getServiceInfo: (request, context) => ({
      name: `hello ${request.agentId}`,
      version: context.protocolName,
    }),
    healthCheck: () => {
      throw new Error("secret");
    },
    validateInput: () => new Promise(() => {}),
    runAgent: (request, context) => run(request, context, seen),
  });
  return { entry, seen };
}

async function* run(
  request: RunAgentRequest,
  context: HandlerContext,
  seen: Seen,
): AsyncGenerator<RunAgentResponse> {
  context.responseTrailer.set("x-run", request.input?.runId ?? "");
  context.signal.addEventListener("abort", () => seen.ended.push(context.signal.reason));
  const count = Number(request.input?.context[0]?.value ?? "3");
  const behaviour = request.input?.runId ?? "";
  if (behaviour === "refused") {
    throw reasonError(Code.NotFound, "AGENT_NOT_FOUND", "There is no such agent.", {
      metadata: { agent_id: "x" },
    });
  }
  if (behaviour === "silent" || behaviour === "late") {
    await pause(behaviour === "late" ? 300 : 60_000, context.signal);
  }
  if (behaviour === "late-header") {
    await pause(100, context.signal);
    context.responseHeader.set("x-late", "1");
  }
  if (behaviour === "deaf") {
    await new Promise(() => {});
  }
  yield* events(context, count, behaviour === "endless", seen);
  if (behaviour === "bug") {
    throw new Error("secret");
  }
  if (behaviour === "broken") {
    throw reasonError(Code.DataLoss, "INTERNAL", "The log is broken.");
  }
  if (behaviour === "paused") {
    await pause(500, context.signal);
  }
  if (behaviour === "open") {
    await pause(60_000, context.signal);
  }
}

async function* events(context: HandlerContext, count: number, endless: boolean, seen: Seen) {
  const ready = context.values.get(readyBatches);
  for (let sequence = 1; sequence <= count || endless; sequence += 2) {
    const batch = textBatch(sequence, Math.min(2, endless ? 2 : count - sequence + 1));
    if (ready) {
      seen.elements.push("batch");
      yield readyItem(RunAgentResponseSchema, batch, sequence === 1 ? { logId: batch.logId } : {});
    } else {
      seen.elements.push("message");
      yield item(sequence);
    }
  }
}

/** One stream item with a text delta. */
export function item(sequence: number): RunAgentResponse {
  return create(RunAgentResponseSchema, {
    sequence: BigInt(sequence),
    item: {
      case: "event",
      value: { event: { case: "textMessageContent", value: { messageId: "m", delta: `delta ${sequence}` } } },
    },
  });
}

/** A batch of `count` text deltas. */
export function textBatch(firstSequence: number, count: number): EventBatch {
  const frames = new FrameEncoder();
  for (let sequence = firstSequence; sequence < firstSequence + count; sequence++) {
    frames.append(sequence, { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: `delta ${sequence}` });
  }
  return new EventBatch("log-1", frames.take());
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
