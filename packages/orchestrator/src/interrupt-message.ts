import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { interruptToMessage, resumeEntryToMessage } from "@dragoman/agui";
import {
  InterruptState,
  type SessionInterrupt,
  SessionInterruptSchema,
} from "@dragoman/contract/orchestrator/v1/interrupt_pb";
import { type InterruptInfo, interruptExpireTimeOf } from "@dragoman/engine";

/** The wire form of an interrupt. */
export function interruptMessage(info: InterruptInfo, isExpired = false): SessionInterrupt {
  const { interrupt, answer, decideTime } = info;
  const expireTime = interruptExpireTimeOf(interrupt);
  return create(SessionInterruptSchema, {
    interrupt: interruptToMessage(interrupt),
    createTime: timestampFromMs(info.createTime),
    ...(decideTime !== undefined && { decideTime: timestampFromMs(decideTime) }),
    sessionId: info.sessionId,
    runId: info.runId,
    agentId: info.agentId,
    state: stateOf(info, isExpired),
    ...(expireTime !== undefined && { expireTime: timestampFromMs(expireTime) }),
    ...(answer && { answer: resumeEntryToMessage(answer) }),
    resumedRunId: info.resumedRunId ?? "",
    toolName: info.toolName ?? "",
    toolArgumentsJson: info.toolArguments ?? "",
  });
}

function stateOf({ state, answer }: InterruptInfo, isExpired: boolean): InterruptState {
  if (state === "open") return isExpired ? InterruptState.EXPIRED : InterruptState.OPEN;
  return answer?.status === "cancelled" ? InterruptState.CANCELED : InterruptState.RESOLVED;
}
