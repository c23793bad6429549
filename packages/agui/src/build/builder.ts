import type {
  AguiEvent,
  ContentPart,
  Interrupt,
  Json,
  JsonObject,
  JsonPatchOperation,
  Message,
  TextMessageRole,
  TokenUsage,
} from "../types.ts";

/** Events one after the other, of which some may have to be waited for. */
export type EventSource<Result = unknown> =
  | Generator<AguiEvent, Result, unknown>
  | AsyncGenerator<AguiEvent, Result, unknown>;

export interface EventBuilderOptions {
  /** The run that the events are of, such as the input given to the agent. */
  readonly threadId: string;
  readonly runId: string;
  /** Makes the ids that the caller does not give. Default `crypto.randomUUID`. */
  readonly newId?: () => string;
}

export interface TextOptions {
  /** Default: a new id. That of an earlier message appends to it. */
  readonly messageId?: string;
  /** Default assistant. */
  readonly role?: TextMessageRole;
  readonly name?: string;
  readonly metadata?: JsonObject;
  /** How many UTF-16 code units one delta has at most. 1 and more, default all. Of no use where text streams. */
  readonly chunkSize?: number;
}

export interface ToolCallOptions {
  readonly name: string;
  /** Anything but a string is written as JSON. Default `{}`. */
  readonly args?: Json;
  /** The answer, if the agent knows it already; see {@link EventBuilder.toolResult}. */
  readonly result?: Json;
  /** Default: a new id. */
  readonly toolCallId?: string;
  /** The assistant message that makes the call. Default: one of its own. */
  readonly parentMessageId?: string;
  readonly metadata?: JsonObject;
  /** How many UTF-16 code units one delta of the arguments has at most. 1 and more, default all. */
  readonly chunkSize?: number;
}

export interface ReasoningOptions {
  /** Default: a new id. */
  readonly messageId?: string;
  /** What the provider wants back with the message. */
  readonly encryptedValue?: string;
  /** How many UTF-16 code units one delta has at most. 1 and more, default all. */
  readonly chunkSize?: number;
}

export interface SubagentOptions {
  readonly name: string;
  readonly description?: string;
  /** Default: a new id. It is used once in a run. */
  readonly subagentRunId?: string;
  readonly parentToolCallId?: string;
  readonly parentMessageId?: string;
}

export interface FinishOptions {
  readonly result?: Json;
  readonly usage?: TokenUsage[];
  /** Calls whose results the client brings with its next run. Default: clients derive them. */
  readonly pendingToolCallIds?: string[];
}

/**
 * Writes AG-UI events that keep the rules: every message, call, step and subagent is opened before it is used
 * and closed after, also when the work inside it throws. An agent yields what it makes:
 *
 * ```ts
 * async *run(input) {
 *   const events = createEventBuilder(input);
 *   yield* events.reasoning("The user greets me.");
 *   yield* events.text("Hello!", { chunkSize: 3 });
 *   const call = yield* events.toolCall({ name: "clock" });
 *   yield events.toolResult(call, { time: "12:00" });
 *   yield events.finish();
 * }
 * ```
 */
export interface EventBuilder {
  /** RUN_STARTED. A host of agents writes it itself. */
  runStarted(): AguiEvent;
  /** RUN_FINISHED as a success. A host writes it where the agent does not. */
  finish(options?: FinishOptions): AguiEvent;
  /** RUN_FINISHED with questions to people. The next run of the thread brings the answers. */
  interrupt(interrupts: Interrupt[], usage?: TokenUsage[]): AguiEvent;
  /** RUN_ERROR. */
  fail(message: string, code?: string): AguiEvent;

  /** A message of known text. Returns its id. */
  text(content: string, options?: TextOptions): Generator<AguiEvent, string, unknown>;
  /** A message whose text comes piece by piece. Returns its id. */
  textStream(
    content: AsyncIterable<string>,
    options?: TextOptions,
  ): AsyncGenerator<AguiEvent, string, unknown>;
  /** Reasoning in a span of its own. Returns the id of both. */
  reasoning(content: string, options?: ReasoningOptions): Generator<AguiEvent, string, unknown>;
  /** Reasoning that comes piece by piece. Returns its id. */
  reasoningStream(
    content: AsyncIterable<string>,
    options?: ReasoningOptions,
  ): AsyncGenerator<AguiEvent, string, unknown>;
  /** A tool call, with its result if there is one. Returns its id. */
  toolCall(options: ToolCallOptions): Generator<AguiEvent, string, unknown>;
  /** The answer to a tool call: text or content parts as they are, any other value as JSON. */
  toolResult(toolCallId: string, result: Json, messageId?: string): AguiEvent;

  /** Work that shows as a step. Returns what the work returns. */
  step<Result>(stepName: string, work: () => EventSource<Result>): AsyncGenerator<AguiEvent, Result, unknown>;
  /**
   * Work of a subagent; what the builder that it gets makes is tagged as the subagent's. What the work returns
   * is the subagent's result, and is returned. If it throws, the subagent ends in SUBAGENT_ERROR and the error
   * goes on.
   */
  subagent<Result>(
    options: SubagentOptions,
    work: (events: EventBuilder) => EventSource<Result>,
  ): AsyncGenerator<AguiEvent, Result, unknown>;

  /** The whole state. */
  stateSnapshot(snapshot: Json): AguiEvent;
  /** A change of the state. */
  stateDelta(delta: JsonPatchOperation[]): AguiEvent;
  /** The change from one state to another: nothing, a delta or a snapshot, whichever is shortest. */
  diffState(before: Json, after: Json): Generator<AguiEvent, void, unknown>;
  /** All messages of the conversation, in place of those that clients hold. */
  messagesSnapshot(messages: Message[]): AguiEvent;
  /** An activity, anew or in place of the one of that id. Returns its id. */
  activity(
    activityType: string,
    content: JsonObject,
    messageId?: string,
  ): Generator<AguiEvent, string, unknown>;
  /** A change of an activity. */
  activityDelta(messageId: string, activityType: string, patch: JsonPatchOperation[]): AguiEvent;
  /** An event of the application's own. */
  custom(name: string, value: Json): AguiEvent;
}

/** Whether a tool's result goes on the wire as it is. */
export function isToolContent(result: Json): result is string | ContentPart[] {
  if (typeof result === "string") return true;
  return Array.isArray(result) && result.length > 0 && result.every(isPart);
}

function isPart(value: unknown): value is ContentPart {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  if (value.type === "text") return "text" in value;
  const isMedia =
    value.type === "image" || value.type === "audio" || value.type === "video" || value.type === "document";
  return isMedia && "source" in value;
}
