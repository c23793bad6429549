import { create } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import type { Json, ResumeEntry } from "@dragoman/agui";
import { HeartbeatSchema } from "@dragoman/contract/agent/v1/stream_pb";
import {
  type InterruptFilter,
  InterruptsCaughtUpSchema,
  type ResolveInterruptRequest,
  type ResolveInterruptResponse,
  ResolveInterruptResponseSchema,
  type WatchInterruptsResponse,
} from "@dragoman/contract/orchestrator/v1/human_in_loop_service_pb";
import { EngineError, type InterruptWatch, type InterruptWatchResult } from "@dragoman/engine";
import { interruptMessage } from "./interrupt-message.ts";
import type { CompleteOptions } from "./options.ts";
import { readStruct, readValue } from "./read-value.ts";

/** Watches interrupts for a stream. Close it. */
export function openWatch(
  filter: InterruptFilter | undefined,
  context: HandlerContext,
  { engine, namespaceOf, heartbeatMs }: CompleteOptions,
): InterruptWatch {
  const { sessionId = "", agentId = "", runId = "", reason = "" } = filter ?? {};
  return engine.interrupts.watch({
    namespace: namespaceOf(context),
    filter: { sessionId, agentId, runId, reason },
    idleMs: heartbeatMs,
    signal: context.signal,
  });
}

/** What a stream shows of what a watch has; undefined for what is nobody's business. */
export function watchItem(
  result: InterruptWatchResult,
): Exclude<WatchInterruptsResponse["item"], { case: undefined }> | undefined {
  if (result === "woken") return undefined;
  if (result === "idle")
    return { case: "heartbeat", value: create(HeartbeatSchema, { time: timestampNow() }) };
  if ("caughtUp" in result) {
    const interruptCount = BigInt(result.caughtUp);
    return { case: "caughtUp", value: create(InterruptsCaughtUpSchema, { interruptCount }) };
  }
  return { case: "interrupt", value: interruptMessage(result.interrupt, result.isExpired) };
}

/** Gives an answer to the engine. */
export async function resolveInterrupt(
  request: ResolveInterruptRequest,
  context: HandlerContext,
  { engine, namespaceOf }: CompleteOptions,
): Promise<ResolveInterruptResponse> {
  const { sessionId, runId, interruptId, metadata } = request;
  const { info, open } = await engine.interrupts.resolve(
    { namespace: namespaceOf(context), id: sessionId },
    {
      runId,
      interruptId,
      ...decisionOf(request),
      ...(metadata && { metadata: readStruct(metadata, "metadata") }),
    },
  );
  return create(ResolveInterruptResponseSchema, {
    interrupt: interruptMessage(info),
    resumedRunId: info.resumedRunId ?? "",
    openInterruptIds: open.map(({ interrupt }) => interrupt.id),
  });
}

/** A decision as AG-UI's agents are told of it. */
function decisionOf({ decision }: ResolveInterruptRequest): Omit<ResumeEntry, "interruptId"> {
  switch (decision.case) {
    case "approve": {
      const { editedArguments: editedArgs } = decision.value;
      return resolved({
        approved: true,
        ...(editedArgs && { editedArgs: readStruct(editedArgs, "edited_arguments") }),
      });
    }
    case "deny": {
      const { reason } = decision.value;
      return resolved({ approved: false, ...(reason !== "" && { reason }) });
    }
    case "input":
      return resolved(readValue(decision.value, "input"));
    case "cancel":
      return { status: "cancelled" };
    default:
      throw new EngineError("INVALID_REQUEST", "a decision is required: approve, deny, input or cancel");
  }
}

function resolved(payload: Json): Omit<ResumeEntry, "interruptId"> {
  return { status: "resolved", payload };
}
