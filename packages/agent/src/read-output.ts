import {
  type AguiEvent,
  decodeEvent,
  encodeEvent,
  InvalidEventError,
  parseEvent,
  UnknownEventTypeError,
  type Upgrader,
} from "@dragoman/agui";
import type { AgentOutput, EncodedEvent } from "./agent.ts";
import type { DeltaEvent } from "./delta-guard.ts";

/** An event of an agent that is certain to be one, and its bytes unless they are cheap to make. */
export interface ReadOutput {
  readonly event: AguiEvent;
  readonly bytes: Uint8Array | undefined;
}

/**
 * Reads what an agent yielded. Undefined if it is of a type that AG-UI does not have, which is skipped.
 *
 * The event shares nothing with the agent that the agent might change later: programs yield their state and
 * go on working on it.
 *
 * @throws {InvalidEventError} if it is no event.
 */
export function readOutput(
  output: AgentOutput,
  upgrader: Upgrader,
  warn: (rule: string, message: string) => void,
): ReadOutput | undefined {
  try {
    const isReady = isEncoded(output);
    const given = isReady ? output.event : output;
    const bytes = isReady ? output.bytes : undefined;
    if (isPlainDelta(given)) return { event: given, bytes };
    const { event, warnings } = parseEvent(upgrader.push(given));
    for (const message of warnings) warn("unknown_property", message);
    if (bytes !== undefined && event === given) return { event, bytes };
    return isolate(event);
  } catch (error) {
    if (error instanceof UnknownEventTypeError) {
      warn("unknown_event_type", error.message);
      return undefined;
    }
    if (error instanceof InvalidEventError) throw error;
    throw new InvalidEventError(
      "",
      `cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** The event with nothing of the agent's in it. Encoding also finds values that are nested too deep. */
function isolate(event: AguiEvent): ReadOutput {
  const bytes = encodeEvent(event);
  const own = Object.values(event).some(isObject) ? decodeEvent(bytes) : event;
  // Half a surrogate pair has no bytes yet: its other half may come.
  const delta = "delta" in event ? event.delta : undefined;
  if (typeof delta !== "string" || delta.isWellFormed()) return { event: own, bytes };
  return { event: Object.assign({}, own, { delta }), bytes: undefined };
}

/** Whether an output brings its bytes. Agents are not trusted: it may be no object at all. */
export function isEncoded(output: AgentOutput): output is EncodedEvent {
  return isObject(output) && "bytes" in output && !("type" in output) && output.bytes instanceof Uint8Array;
}

/**
 * Whether an event is a delta with nothing but its id and its text, as four of five events are: there is
 * nothing about it that a parser could object to.
 */
function isPlainDelta(event: AguiEvent): event is DeltaEvent {
  if (!isObject(event)) return false;
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

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function hasThreeKeys(event: object): boolean {
  let count = 0;
  for (const _ in event) count += 1;
  return count === 3;
}
