import { messageFromProto, patchOperationFromMessage, resumeEntryFromMessage } from "@dragoman/agui";
import {
  LiveControl_Action as Action,
  type LiveSessionRequest,
} from "@dragoman/contract/agent/v1/live_service_pb";
import { type Engine, EngineError } from "@dragoman/engine";

/** The run of a live session. */
export interface LiveRunKey {
  readonly key: { readonly namespace: string; readonly id: string };
  readonly runId: string;
}

/**
 * Tells the agent of a run what its caller says, and calls `onTaken` when the agent took it. What cannot be told is
 * dropped: the caller knows by that it was not taken.
 */
export async function hearInput(
  engine: Engine,
  run: LiveRunKey,
  input: LiveSessionRequest["input"],
  onTaken: () => void,
): Promise<void> {
  try {
    const { activeRunId } = await engine.getSession(run.key);
    if (activeRunId === run.runId) await tell(engine, run, input, onTaken);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
  }
}

async function tell(
  engine: Engine,
  { key, runId }: LiveRunKey,
  input: LiveSessionRequest["input"],
  onTaken: () => void,
): Promise<void> {
  switch (input.case) {
    case "message":
      return engine.chats.tell(key, messageFromProto(input.value), { runId, onTaken });
    case "interruptAnswer":
      return engine.chats.tell(key, resumeEntryFromMessage(input.value), { runId, onTaken });
    case "toolResult": {
      const { toolCallId, content, error } = input.value;
      const outcome = { content, ...(error !== undefined && { error }) };
      await engine.tools.submit(key, { toolCallId, ...outcome, hold: true, onTaken });
      return;
    }
    case "statePatch": {
      const operations = input.value.patch.map(patchOperationFromMessage);
      await engine.states.update(key, { change: { kind: "patch", operations } });
      return onTaken();
    }
    case "control":
      if (input.value.action === Action.CANCEL) await engine.cancelRun(key, runId);
      else await engine.chats.setPaused(key, input.value.action === Action.PAUSE);
      return;
    default:
      return;
  }
}
