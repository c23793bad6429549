import { create } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import {
  type ChatAccepted,
  ChatAcceptedSchema,
  ChatDisposition,
  type ChatRejected,
  ChatRejectedSchema,
  type ChatStatus,
  ChatStatusSchema,
  ChatStatus_State as State,
} from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import type { ChatOutcome, ChatStatus as ChatStatusView } from "@dragoman/engine";
import { errorInfoOf } from "@dragoman/rpc";
import { toConnectError } from "../errors.ts";
import type { TakenInput } from "./inputs.ts";

const states: Readonly<Record<ChatStatusView["state"], State>> = {
  idle: State.IDLE,
  running: State.RUNNING,
  paused: State.PAUSED,
  interrupted: State.INTERRUPTED,
  ended: State.ENDED,
};

const dispositions: Readonly<Record<ChatOutcome["disposition"], ChatDisposition>> = {
  started: ChatDisposition.STARTED,
  queued: ChatDisposition.QUEUED,
  steered: ChatDisposition.STEERED,
  done: ChatDisposition.DONE,
};

/** The wire form of a disposition. */
export function dispositionMessage(disposition: ChatOutcome["disposition"]): ChatDisposition {
  return dispositions[disposition];
}

/** The wire form of a status. */
export function statusMessage(status: ChatStatusView): ChatStatus {
  const { runId, queuedRunCount, openInterruptIds } = status;
  return create(ChatStatusSchema, {
    state: states[status.state],
    runId,
    queuedRunCount,
    openInterruptIds: [...openInterruptIds],
  });
}

/** Says that an input was taken. */
export function acceptedMessage(
  inputNumber: number,
  { disposition, runId, messageId }: TakenInput,
): ChatAccepted {
  return create(ChatAcceptedSchema, {
    inputNumber: BigInt(inputNumber),
    disposition: dispositions[disposition],
    runId,
    messageId,
  });
}

/** Says why an input was not taken. Throws what is no reason for a client. */
export function rejectedMessage(inputNumber: number, error: unknown): ChatRejected {
  const shown = toConnectError(error);
  const info = errorInfoOf(shown);
  if (!(shown instanceof ConnectError) || info === undefined) throw shown;
  return create(ChatRejectedSchema, {
    inputNumber: BigInt(inputNumber),
    code: shown.code,
    reason: info.reason,
    message: shown.rawMessage,
    metadata: info.metadata,
  });
}
