import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import type { AguiEvent, ToolCallResultEvent } from "@dragoman/agui";
import type { RunAgentLoopStreamResponseSchema } from "@dragoman/contract/agent/v1/agent_service_pb";
import { limitReached } from "@dragoman/engine";

/** An item of the stream of a turn. */
export type LoopItem = NonNullable<MessageInitShape<typeof RunAgentLoopStreamResponseSchema>["event"]>;

interface OpenCall {
  readonly name: string;
  args: string;
}

interface CompleteCall {
  /** When its arguments were complete, as the agent says. */
  readonly timestamp: number | undefined;
  /** When they were complete, where it was seen as it happened. */
  readonly seenMs: number | undefined;
}

/** How many calls may wait for their results before the time of the first one is forgotten. */
const completeCallsMax = 10_000;

/** What the stream of a turn says of tool calls. Those of sub-agents are left out. */
export class LoopToolCalls {
  readonly #maxBytes: number;
  readonly #open = new Map<string, OpenCall>();
  readonly #complete = new Map<string, CompleteCall>();
  #heldBytes = 0;

  /** @param maxBytes how many bytes of arguments are held at once */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes the next event of the run; returns what to say of it.
   *
   * @param nowMs the time, where the event is seen as it happens
   */
  push(event: AguiEvent, nowMs: number | undefined): LoopItem | undefined {
    switch (event.type) {
      case "TOOL_CALL_START":
        if (event.subagentRunId !== undefined) return undefined;
        return this.#start(event.toolCallId, event.toolCallName);
      case "TOOL_CALL_ARGS":
        this.#append(event.toolCallId, event.delta);
        return undefined;
      case "TOOL_CALL_END":
        return this.#end(event.toolCallId, { timestamp: event.timestamp, seenMs: nowMs });
      case "TOOL_CALL_RESULT":
        return event.subagentRunId === undefined ? this.#result(event, nowMs) : undefined;
      default:
        return undefined;
    }
  }

  #start(toolCallId: string, name: string): LoopItem {
    this.#open.set(toolCallId, { name, args: "" });
    return { case: "toolCallStart", value: { toolCallId, name } };
  }

  #append(toolCallId: string, delta: string): void {
    const call = this.#open.get(toolCallId);
    if (call === undefined) return;
    this.#heldBytes += Buffer.byteLength(delta);
    if (this.#heldBytes > this.#maxBytes) {
      throw limitReached(
        "answerMaxBytes",
        this.#maxBytes,
        "the arguments of a tool call are too long for one message: read the events of the run",
      );
    }
    call.args += delta;
  }

  #end(toolCallId: string, complete: CompleteCall): LoopItem | undefined {
    const call = this.#open.get(toolCallId);
    if (call === undefined) return undefined;
    this.#open.delete(toolCallId);
    this.#heldBytes -= Buffer.byteLength(call.args);
    this.#complete.set(toolCallId, complete);
    if (this.#complete.size > completeCallsMax) {
      const [oldest] = this.#complete.keys();
      if (oldest !== undefined) this.#complete.delete(oldest);
    }
    return { case: "toolCallComplete", value: { toolCallId, name: call.name, argumentsJson: call.args } };
  }

  #result(event: ToolCallResultEvent, nowMs: number | undefined): LoopItem {
    const { toolCallId } = event;
    const complete = this.#complete.get(toolCallId);
    this.#complete.delete(toolCallId);
    const durationMs = between(complete?.timestamp, event.timestamp) ?? between(complete?.seenMs, nowMs);
    return {
      case: "toolResult",
      value: {
        toolCallId,
        content: textOf(event.content),
        ...(durationMs !== undefined && { duration: durationOf(durationMs) }),
      },
    };
  }
}

function between(startMs: number | undefined, endMs: number | undefined): number | undefined {
  if (startMs === undefined || endMs === undefined) return undefined;
  return Math.max(0, endMs - startMs);
}

/** The wire form of a time span. */
export function durationOf(ms: number): Pick<Duration, "seconds" | "nanos"> {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

/** The text of a result. Parts that are no text are left out. */
function textOf(content: ToolCallResultEvent["content"]): string {
  if (typeof content === "string") return content;
  return content.map((part) => (part.type === "text" ? part.text : "")).join("");
}
