import type { AguiEvent, EventOf } from "../types.ts";
import type { Verifier } from "../verify/verifier.ts";
import type { Reducer } from "./reducer.ts";

/**
 * The events that bring a client into the middle of an active run, so that it takes the live tail as one that
 * was there from the beginning: RUN_STARTED, the messages, the state, and the STARTs of all that is open.
 *
 * Both the verifier and the reducer have seen the same events, the verifier with the reducer as its history;
 * else a stock client may refuse the tail for owners that the messages do not show.
 */
export function snapshotPrelude(
  runStarted: EventOf<"RUN_STARTED">,
  verifier: Pick<Verifier, "openers">,
  reducer: Reducer,
): AguiEvent[] {
  // The messages hold what the input brought, and so the echo of it is not needed.
  const { input: _, ...started } = runStarted;
  const messages: AguiEvent = { type: "MESSAGES_SNAPSHOT", messages: reducer.snapshotMessages() };
  const openers = verifier.openers();
  const prelude: AguiEvent[] = [
    started,
    messages,
    { type: "STATE_SNAPSHOT", snapshot: reducer.state },
    ...openers,
  ];
  // A START makes a message where there is none. What the run has dropped or renamed since has to go again.
  if (openers.some((event) => changes(event, reducer))) prelude.push(messages);
  return prelude;
}

function changes(event: AguiEvent, reducer: Reducer): boolean {
  switch (event.type) {
    case "TEXT_MESSAGE_START":
    case "REASONING_MESSAGE_START":
      return reducer.message(event.messageId) === undefined;
    case "TOOL_CALL_START":
      return reducer.toolCall(event.toolCallId)?.function.name !== event.toolCallName;
    default:
      return false;
  }
}
