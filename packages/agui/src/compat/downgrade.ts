import type { EmitEvent } from "../expand/expander.ts";
import type { AguiEvent, EventOf, Message } from "../types.ts";
import { downgradeMessage, joinText } from "./downgrade-message.ts";
import type { ConversionWarning, PeerProfile } from "./profile.ts";

export interface DowngraderOptions {
  /** Receives what a conversion had to drop. Default: nobody. */
  readonly onWarning?: ConversionWarning;
}

/**
 * Turns events of AG-UI 1.0 into such as a peer's client accepts. For 0.x:
 *
 * - RUN_FINISHED with outcome `cancelled` becomes RUN_ERROR with code `cancelled`, because without its outcome
 *   it would say success; a RUN_ERROR that follows is dropped, because 0.x has had its terminal.
 * - `pendingToolCallIds` of a success go; clients derive them.
 * - Tools' answers of content parts become their joined text, parts with "file" sources go, in events as in
 *   the messages of MESSAGES_SNAPSHOT and RUN_STARTED.input.
 * - RUN_STARTED.input gets the lists `tools` and `context`, which 0.x requires.
 *
 * Everything else passes as it is, the same object.
 */
export interface Downgrader {
  /** Takes the next event and emits what the peer gets for it, at most one event. */
  push(event: AguiEvent, emit: EmitEvent): void;
}

/** Creates a downgrader for the stream to one peer. */
export function createDowngrader(profile: PeerProfile, options: DowngraderOptions = {}): Downgrader {
  if (profile === "1.0") return { push: (event, emit) => emit(event) };
  return new EventDowngrader(options.onWarning ?? (() => {}));
}

class EventDowngrader implements Downgrader {
  readonly #onWarning: ConversionWarning;
  #wasCancelled = false;

  constructor(onWarning: ConversionWarning) {
    this.#onWarning = onWarning;
  }

  push(event: AguiEvent, emit: EmitEvent): void {
    switch (event.type) {
      case "TOOL_CALL_RESULT":
        emit(this.#toolResult(event));
        break;
      case "MESSAGES_SNAPSHOT":
        emit({ ...event, messages: this.#messages(event.messages) });
        break;
      case "RUN_STARTED":
        this.#wasCancelled = false;
        emit(this.#runStarted(event));
        break;
      case "RUN_FINISHED":
        emit(this.#runFinished(event));
        break;
      case "RUN_ERROR":
        if (this.#wasCancelled)
          this.#onWarning(`RUN_ERROR after a cancelled run is dropped: ${event.message}`);
        else emit(event);
        break;
      default:
        emit(event);
    }
  }

  #messages(messages: readonly Message[]): Message[] {
    return messages.map((message) => downgradeMessage(message, this.#onWarning));
  }

  #toolResult(event: EventOf<"TOOL_CALL_RESULT">): AguiEvent {
    if (!Array.isArray(event.content)) return event;
    return {
      ...event,
      content: joinText(event.content, `TOOL_CALL_RESULT '${event.messageId}'`, this.#onWarning),
    };
  }

  #runStarted(event: EventOf<"RUN_STARTED">): AguiEvent {
    const { input } = event;
    if (input === undefined) return event;
    const { tools = [], context = [] } = input;
    return { ...event, input: { ...input, messages: this.#messages(input.messages), tools, context } };
  }

  #runFinished(event: EventOf<"RUN_FINISHED">): AguiEvent {
    const { outcome } = event;
    if (outcome?.type === "success" && outcome.pendingToolCallIds !== undefined) {
      return { ...event, outcome: { type: "success" } };
    }
    if (outcome?.type !== "cancelled") return event;
    this.#wasCancelled = true;
    const { threadId: _threadId, runId: _runId, result: _result, outcome: _outcome, ...rest } = event;
    return { ...rest, type: "RUN_ERROR", message: "The run was cancelled.", code: "cancelled" };
  }
}
