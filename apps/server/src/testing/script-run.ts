import { inputToMessage, type Json, type RunAgentInput } from "@dragoman/agui";
import type { RunAgentRequest } from "@dragoman/contract/agent/v1/agui_service_pb";
import type { StreamItem } from "./read-stream.ts";
import type { Services } from "./services.ts";

/** The end of a script; its ids do not matter. */
export const finished = { type: "RUN_FINISHED", threadId: "any", runId: "any" };

/** A script that opens a message and never ends by itself: its second event would come after a minute. */
export const held: Json = {
  script: [{ type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" }, finished],
  delayMs: 60_000,
};

/** Whether an item is where a held script waits. */
export const isHeld = ({ item }: Pick<StreamItem, "item">) =>
  item.case === "event" && item.value.event.case === "textMessageStart";

/** What a run may be asked for besides its input. */
export type RunOptions = Partial<
  Pick<
    RunAgentRequest,
    "ifActive" | "history" | "baseSequence" | "ifStateRevision" | "afterSequence" | "logId" | "onDisconnect"
  >
>;

/** Runs the agent `script`; a script that only finishes, unless the input says otherwise. */
export function runScript(
  { agui }: Services,
  threadId: string,
  runId: string,
  more: Partial<RunAgentInput> = {},
  options: RunOptions = {},
  signal?: AbortSignal,
) {
  const forwardedProps: Json = { script: [finished] };
  const input = inputToMessage({ threadId, runId, messages: [], forwardedProps, ...more });
  return agui.runAgent({ agentId: "script", input, ...options }, signal && { signal });
}
