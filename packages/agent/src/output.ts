import type { AguiEvent } from "@dragoman/agui";
import type { AgentOutput, EncodedEvent } from "./agent.ts";
import type { DeltaEvent } from "./delta-guard.ts";

/** Whether an output brings its bytes. Agents are not trusted: it may be no object at all. */
export function isEncoded(output: AgentOutput): output is EncodedEvent {
  return (
    typeof output === "object" &&
    output !== null &&
    "bytes" in output &&
    !("type" in output) &&
    output.bytes instanceof Uint8Array
  );
}

/**
 * Whether an event is a delta with nothing but its id and its text, as four of five events are: there is
 * nothing about it that a parser could object to.
 */
export function isPlainDelta(event: AguiEvent): event is DeltaEvent {
  if (typeof event !== "object" || event === null) return false;
  switch (event.type) {
    case "TEXT_MESSAGE_CONTENT":
    case "REASONING_MESSAGE_CONTENT":
      return typeof event.messageId === "string" && typeof event.delta === "string" && hasThreeKeys(event);
    case "TOOL_CALL_ARGS":
      return typeof event.toolCallId === "string" && typeof event.delta === "string" && hasThreeKeys(event);
    default:
      return false;
  }
}

function hasThreeKeys(event: object): boolean {
  let count = 0;
  for (const _ in event) count += 1;
  return count === 3;
}
