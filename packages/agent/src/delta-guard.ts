import type {
  AguiEvent,
  EventOf,
  ReasoningMessageContentEvent,
  TextMessageContentEvent,
  ToolCallArgsEvent,
} from "@dragoman/agui";

/** An event that carries a piece of text. */
export type DeltaEvent = TextMessageContentEvent | ToolCallArgsEvent | ReasoningMessageContentEvent;

type EndEvent = EventOf<"TEXT_MESSAGE_END" | "TOOL_CALL_END" | "REASONING_MESSAGE_END">;

/** What stands for half of a surrogate pair that never got its other half. */
const replacement = "\uFFFD";

/**
 * Keeps the halves of a surrogate pair together: models stream by token, and a token may end inside of one
 * character. UTF-8 has no form for half a pair, so without this the character would be lost on every wire.
 *
 * A trailing high half waits for the next delta of the same entity; a half without a partner is replaced.
 */
export class DeltaGuard {
  readonly #held = new Map<string, { high: string; event: DeltaEvent }>();

  /** Whether anything waits for its other half. */
  get isHolding(): boolean {
    return this.#held.size > 0;
  }

  /** The event as it may be sent now; undefined if nothing of it may. */
  pass(event: DeltaEvent): DeltaEvent | undefined {
    const key = keyOf(event);
    const text = (this.#held.get(key)?.high ?? "") + event.delta;
    this.#held.delete(key);
    const whole = endsInHighSurrogate(text) ? text.slice(0, -1) : text;
    if (whole.length < text.length) this.#held.set(key, { high: text.slice(-1), event });
    if (whole === "" && event.delta !== "" && isBare(event)) return undefined;
    const delta = whole.toWellFormed();
    return delta === event.delta ? event : { ...event, delta };
  }

  /** What is to be sent before the end of an entity: a replacement for the half that still waits. */
  flush(end: EndEvent): DeltaEvent | undefined {
    const held = this.#held.get(keyOf(end));
    if (held === undefined) return undefined;
    this.#held.delete(keyOf(end));
    const { event } = held;
    const owner = event.subagentRunId === undefined ? {} : { subagentRunId: event.subagentRunId };
    if (event.type === "TOOL_CALL_ARGS") {
      return { type: event.type, toolCallId: event.toolCallId, delta: replacement, ...owner };
    }
    return { type: event.type, messageId: event.messageId, delta: replacement, ...owner };
  }
}

/** Whether an event ends an entity that deltas belong to. */
export function isDeltaEnd(event: AguiEvent): event is EndEvent {
  return (
    event.type === "TEXT_MESSAGE_END" ||
    event.type === "TOOL_CALL_END" ||
    event.type === "REASONING_MESSAGE_END"
  );
}

function keyOf(event: DeltaEvent | EndEvent): string {
  if ("toolCallId" in event) return `tool call ${event.toolCallId}`;
  return `${event.type.startsWith("TEXT") ? "text" : "reasoning"} ${event.messageId}`;
}

function endsInHighSurrogate(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}

/** Whether the event says nothing besides its delta, so that it need not be sent without one. */
function isBare({ timestamp, rawEvent, metadata }: DeltaEvent): boolean {
  return timestamp === undefined && rawEvent === undefined && metadata === undefined;
}
