import type { ConversionWarning } from "./profile.ts";
import { isRecord, mapList, type UnknownRecord, withoutNulls } from "./records.ts";
import { upgradeInput, upgradeMessage } from "./upgrade-input.ts";

export interface UpgraderOptions {
  /** Receives what a conversion dropped or invented. Default: nobody. */
  readonly onWarning?: ConversionWarning;
  /** Makes the ids that THINKING events lack. Default `crypto.randomUUID`. */
  readonly newId?: () => string;
}

/**
 * Turns the events of an agent that may speak AG-UI 0.x into those of 1.0, before they are parsed: THINKING_*
 * become REASONING_*, binary content parts become media, and nulls that used to stand for absent fields go.
 * Events of 1.0, and what is no event at all, stay as they are. Nothing is validated.
 */
export interface Upgrader {
  push(value: unknown): unknown;
}

/** Creates an upgrader for the events of one agent's stream. */
export function createUpgrader(options: UpgraderOptions = {}): Upgrader {
  return new EventUpgrader(options);
}

/** Optional fields that 0.x serializers wrote as null. */
const NULLABLE = new Map<string, readonly string[]>([
  ["TOOL_CALL_START", ["rawEvent", "parentMessageId"]],
  ["TOOL_CALL_CHUNK", ["rawEvent", "parentMessageId"]],
  ["RUN_FINISHED", ["rawEvent", "result", "outcome"]],
  ["SUBAGENT_FINISHED", ["rawEvent", "result"]],
]);
const NULLABLE_IN_ALL: readonly string[] = ["rawEvent"];

class EventUpgrader implements Upgrader {
  readonly #onWarning: ConversionWarning;
  readonly #newId: () => string;
  /** THINKING events have no ids: there was one span at a time, and one message in it. */
  #spanId: string | undefined;
  #messageId: string | undefined;

  constructor(options: UpgraderOptions) {
    this.#onWarning = options.onWarning ?? (() => {});
    this.#newId = options.newId ?? (() => crypto.randomUUID());
  }

  push(value: unknown): unknown {
    if (!isRecord(value) || typeof value.type !== "string") return value;
    const type = value.type;
    if (type.startsWith("THINKING_"))
      return this.#upgradeThinking(type, withoutNulls(value, NULLABLE_IN_ALL));
    const event = withoutNulls(value, NULLABLE.get(type) ?? NULLABLE_IN_ALL);
    if (type === "MESSAGES_SNAPSHOT") {
      return mapList(event, "messages", (message) => upgradeMessage(message, this.#onWarning));
    }
    if (type === "RUN_STARTED") return this.#startRun(event);
    return event;
  }

  #startRun(event: UnknownRecord): UnknownRecord {
    this.#spanId = undefined;
    this.#messageId = undefined;
    const input = upgradeInput(event.input, this.#onWarning);
    return input === event.input ? event : { ...event, input };
  }

  #upgradeThinking(type: string, event: UnknownRecord): UnknownRecord {
    switch (type) {
      case "THINKING_START": {
        const { title, ...rest } = event;
        if (title !== undefined)
          this.#onWarning(`The title of ${type} has no place in REASONING_START: ${title}`);
        this.#spanId = this.#newId();
        return { ...rest, type: "REASONING_START", messageId: this.#spanId };
      }
      case "THINKING_TEXT_MESSAGE_START":
        this.#messageId = this.#newId();
        return { ...event, type: "REASONING_MESSAGE_START", messageId: this.#messageId, role: "reasoning" };
      case "THINKING_TEXT_MESSAGE_CONTENT":
        return {
          ...event,
          type: "REASONING_MESSAGE_CONTENT",
          messageId: this.#continued(type, this.#messageId),
        };
      case "THINKING_TEXT_MESSAGE_END": {
        const messageId = this.#continued(type, this.#messageId);
        this.#messageId = undefined;
        return { ...event, type: "REASONING_MESSAGE_END", messageId };
      }
      case "THINKING_END": {
        const messageId = this.#continued(type, this.#spanId);
        this.#spanId = undefined;
        return { ...event, type: "REASONING_END", messageId };
      }
      default:
        return event;
    }
  }

  /** Without an opener there is no id. A new one makes the verifier refuse the event for what it is. */
  #continued(type: string, id: string | undefined): string {
    if (id !== undefined) return id;
    const invented = this.#newId();
    this.#onWarning(`${type} continues nothing; it gets the new id '${invented}'.`);
    return invented;
  }
}
