import { create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { Code, type HandlerContext } from "@connectrpc/connect";
import { type AguiEvent, EventBatch, eventToMessage, FrameEncoder } from "@dragoman/agui";
import {
  AGUIService,
  type RunAgentRequest,
  RunAgentResponseSchema,
} from "@dragoman/contract/agent/v1/agui_service_pb";
import {
  type ObserveRunRequest,
  ObserveRunResponseSchema,
  RunService,
} from "@dragoman/contract/orchestrator/v1/run_service_pb";
import {
  type ObserveSessionRequest,
  ObserveSessionResponseSchema,
  SessionService,
} from "@dragoman/contract/orchestrator/v1/session_service_pb";
import { readyItem, reasonError } from "@dragoman/rpc";
import { implement, type ServiceEntry } from "@dragoman/server";

/** One step of what the services do: events of one batch, an item of its own, a wait, work that lets nothing else run, or an error. */
export type Step =
  | { readonly batch: readonly (AguiEvent | { readonly jsonOnly: string })[] }
  | { readonly item: MessageInitShape<typeof RunAgentResponseSchema> }
  | { readonly untilAborted: true }
  | { readonly pauseMs: number }
  | { readonly blockMs: number }
  | { readonly error: unknown };

/** Services that do what a test says and remember what they were asked. */
export interface TestServices {
  readonly entries: readonly ServiceEntry[];
  /** What the next call does. */
  steps: readonly Step[];
  readonly requests: (RunAgentRequest | ObserveSessionRequest | ObserveRunRequest)[];
  readonly protocolNames: string[];
  /** How many steps have begun, over all calls. */
  played: number;
  /** Why the signals of calls were aborted. */
  readonly aborted: unknown[];
}

/** The log of the test services. */
export const logId = "log-1";

export function testServices(): TestServices {
  const services: TestServices = {
    steps: [],
    played: 0,
    requests: [],
    protocolNames: [],
    aborted: [],
    entries: [
      implement(AGUIService, {
        runAgent: (request, context) => play(services, RunAgentResponseSchema, request, context),
      }),
      implement(SessionService, {
        observeSession: (request, context) => play(services, ObserveSessionResponseSchema, request, context),
      }),
      implement(RunService, {
        observeRun: (request, context) => play(services, ObserveRunResponseSchema, request, context),
      }),
    ],
  };
  return services;
}

async function* play<Desc extends DescMessage>(
  services: TestServices,
  schema: Desc,
  request: RunAgentRequest | ObserveSessionRequest | ObserveRunRequest,
  context: HandlerContext,
): AsyncGenerator<MessageShape<Desc>> {
  services.requests.push(request);
  services.protocolNames.push(context.protocolName);
  context.signal.addEventListener("abort", () => services.aborted.push(context.signal.reason));
  let sequence = 0;
  for (const step of services.steps) {
    services.played++;
    if ("batch" in step) {
      const frames = new FrameEncoder();
      for (const event of step.batch) {
        sequence++;
        if ("jsonOnly" in event) {
          frames.appendJson(sequence, event.jsonOnly as string);
        } else {
          frames.append(sequence, event);
        }
      }
      yield readyItem(schema, new EventBatch(logId, frames.take()), { logId });
    } else if ("item" in step) {
      yield create(schema, step.item as MessageInitShape<Desc>);
    } else if ("pauseMs" in step) {
      await new Promise((resolve) => setTimeout(resolve, step.pauseMs));
    } else if ("blockMs" in step) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, step.blockMs);
    } else if ("error" in step) {
      throw step.error;
    } else {
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    }
  }
}

/** An item with an event outside a batch; without sequence it is one of a prelude. */
export function eventItem(event: AguiEvent, sequence?: number): Step {
  const item = { case: "event" as const, value: eventToMessage(event) };
  return { item: { item, logId, ...(sequence !== undefined && { sequence: BigInt(sequence) }) } };
}

/** The events of a small run. */
export const started: AguiEvent = { type: "RUN_STARTED", threadId: "t", runId: "r" };
export const delta = (text: string): AguiEvent => ({
  type: "TEXT_MESSAGE_CONTENT",
  messageId: "m",
  delta: text,
});
export const finished: AguiEvent = {
  type: "RUN_FINISHED",
  threadId: "t",
  runId: "r",
  outcome: { type: "success" },
};
export const smallRun: readonly AguiEvent[] = [
  started,
  { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" },
  delta("Hello"),
  { type: "TEXT_MESSAGE_END", messageId: "m" },
  finished,
];

/** The error of an agent that is not there. */
export function agentNotFound() {
  return reasonError(Code.NotFound, "AGENT_NOT_FOUND", "There is no such agent.", {
    metadata: { agent_id: "x" },
  });
}
