import type {
  AguiEvent,
  Interrupt,
  Json,
  JsonObject,
  JsonPatchOperation,
  Message,
  TokenUsage,
} from "../types.ts";
import {
  type EventBuilder,
  type EventBuilderOptions,
  type EventSource,
  type FinishOptions,
  isToolContent,
  type ReasoningOptions,
  type SubagentOptions,
  type TextOptions,
  type ToolCallOptions,
} from "./builder.ts";
import { splitText } from "./split-text.ts";
import { stateChange } from "./state-events.ts";

/** Creates a builder of the events of one run. */
export function createEventBuilder(options: EventBuilderOptions): EventBuilder {
  const { threadId, runId, newId = () => crypto.randomUUID() } = options;
  return new RunEventBuilder({ threadId, runId, newId }, {});
}

/** The field that says whose an event is. */
interface Tag {
  readonly subagentRunId?: string;
}

class RunEventBuilder implements EventBuilder {
  readonly #run: Required<EventBuilderOptions>;
  readonly #tag: Tag;

  constructor(run: Required<EventBuilderOptions>, tag: Tag) {
    this.#run = run;
    this.#tag = tag;
  }

  runStarted(): AguiEvent {
    return { type: "RUN_STARTED", ...this.#ids() };
  }

  finish({ result, usage, pendingToolCallIds }: FinishOptions = {}): AguiEvent {
    return {
      type: "RUN_FINISHED",
      ...this.#ids(),
      ...(result !== undefined && { result }),
      outcome: { type: "success", ...(pendingToolCallIds !== undefined && { pendingToolCallIds }) },
      ...(usage !== undefined && { usage }),
    };
  }

  interrupt(interrupts: Interrupt[], usage?: TokenUsage[]): AguiEvent {
    const outcome = { type: "interrupt", interrupts } as const;
    return { type: "RUN_FINISHED", ...this.#ids(), outcome, ...(usage !== undefined && { usage }) };
  }

  fail(message: string, code?: string): AguiEvent {
    return { type: "RUN_ERROR", message, ...(code !== undefined && { code }) };
  }

  *text(content: string, options: TextOptions = {}): Generator<AguiEvent, string, unknown> {
    const messageId = options.messageId ?? this.#run.newId();
    yield this.#textStart(messageId, options);
    for (const delta of splitText(content, options.chunkSize)) {
      yield { type: "TEXT_MESSAGE_CONTENT", messageId, delta, ...this.#tag };
    }
    yield { type: "TEXT_MESSAGE_END", messageId, ...this.#tag };
    return messageId;
  }

  async *textStream(
    content: AsyncIterable<string>,
    options: TextOptions = {},
  ): AsyncGenerator<AguiEvent, string, unknown> {
    const messageId = options.messageId ?? this.#run.newId();
    yield this.#textStart(messageId, options);
    const end: AguiEvent = { type: "TEXT_MESSAGE_END", messageId, ...this.#tag };
    yield* closed(this.#contents("TEXT_MESSAGE_CONTENT", messageId, content), () => end);
    return messageId;
  }

  *reasoning(content: string, options: ReasoningOptions = {}): Generator<AguiEvent, string, unknown> {
    const messageId = options.messageId ?? this.#run.newId();
    yield* this.#reasoningStart(messageId);
    for (const delta of splitText(content, options.chunkSize)) {
      yield { type: "REASONING_MESSAGE_CONTENT", messageId, delta, ...this.#tag };
    }
    yield* this.#reasoningEnd(messageId, options.encryptedValue);
    return messageId;
  }

  async *reasoningStream(
    content: AsyncIterable<string>,
    options: ReasoningOptions = {},
  ): AsyncGenerator<AguiEvent, string, unknown> {
    const messageId = options.messageId ?? this.#run.newId();
    yield* this.#reasoningStart(messageId);
    const contents = this.#contents("REASONING_MESSAGE_CONTENT", messageId, content);
    try {
      yield* contents;
    } catch (error) {
      yield* this.#reasoningEnd(messageId, undefined);
      throw error;
    }
    yield* this.#reasoningEnd(messageId, options.encryptedValue);
    return messageId;
  }

  *toolCall(options: ToolCallOptions): Generator<AguiEvent, string, unknown> {
    const { name: toolCallName, args = {}, result, parentMessageId, metadata, chunkSize } = options;
    const toolCallId = options.toolCallId ?? this.#run.newId();
    yield {
      type: "TOOL_CALL_START",
      toolCallId,
      toolCallName,
      ...(parentMessageId !== undefined && { parentMessageId }),
      ...(metadata !== undefined && { metadata }),
      ...this.#tag,
    };
    for (const delta of splitText(typeof args === "string" ? args : JSON.stringify(args), chunkSize)) {
      yield { type: "TOOL_CALL_ARGS", toolCallId, delta, ...this.#tag };
    }
    yield { type: "TOOL_CALL_END", toolCallId, ...this.#tag };
    if (result !== undefined) yield this.toolResult(toolCallId, result);
    return toolCallId;
  }

  toolResult(toolCallId: string, result: Json, messageId = this.#run.newId()): AguiEvent {
    const content = isToolContent(result) ? result : (JSON.stringify(result) ?? "null");
    return { type: "TOOL_CALL_RESULT", messageId, toolCallId, content, role: "tool", ...this.#tag };
  }

  async *step<Result>(
    stepName: string,
    work: () => EventSource<Result>,
  ): AsyncGenerator<AguiEvent, Result, unknown> {
    yield { type: "STEP_STARTED", stepName, ...this.#tag };
    const finished: AguiEvent = { type: "STEP_FINISHED", stepName, ...this.#tag };
    return yield* closed(work(), () => finished);
  }

  async *subagent<Result>(
    options: SubagentOptions,
    work: (events: EventBuilder) => EventSource<Result>,
  ): AsyncGenerator<AguiEvent, Result, unknown> {
    const subagentRunId = options.subagentRunId ?? this.#run.newId();
    const parentSubagentRunId = this.#tag.subagentRunId;
    yield {
      type: "SUBAGENT_STARTED",
      ...options,
      subagentRunId,
      ...(parentSubagentRunId !== undefined && { parentSubagentRunId }),
    };
    return yield* closed(
      work(new RunEventBuilder(this.#run, { subagentRunId })),
      (result) => ({ type: "SUBAGENT_FINISHED", subagentRunId, ...(result !== undefined && { result }) }),
      (message) => ({ type: "SUBAGENT_ERROR", subagentRunId, message }),
    );
  }

  stateSnapshot(snapshot: Json): AguiEvent {
    return { type: "STATE_SNAPSHOT", snapshot, ...this.#tag };
  }

  stateDelta(delta: JsonPatchOperation[]): AguiEvent {
    return { type: "STATE_DELTA", delta, ...this.#tag };
  }

  *diffState(before: Json, after: Json): Generator<AguiEvent, void, unknown> {
    const change = stateChange(before, after);
    if (change !== undefined) yield { ...change, ...this.#tag };
  }

  messagesSnapshot(messages: Message[]): AguiEvent {
    return { type: "MESSAGES_SNAPSHOT", messages };
  }

  *activity(
    activityType: string,
    content: JsonObject,
    messageId = this.#run.newId(),
  ): Generator<AguiEvent, string, unknown> {
    yield { type: "ACTIVITY_SNAPSHOT", messageId, activityType, content, ...this.#tag };
    return messageId;
  }

  activityDelta(messageId: string, activityType: string, patch: JsonPatchOperation[]): AguiEvent {
    return { type: "ACTIVITY_DELTA", messageId, activityType, patch, ...this.#tag };
  }

  custom(name: string, value: Json): AguiEvent {
    return { type: "CUSTOM", name, value, ...this.#tag };
  }

  #ids(): { threadId: string; runId: string } {
    return { threadId: this.#run.threadId, runId: this.#run.runId };
  }

  #textStart(messageId: string, { role = "assistant", name, metadata }: TextOptions): AguiEvent {
    return {
      type: "TEXT_MESSAGE_START",
      messageId,
      role,
      ...(name !== undefined && { name }),
      ...(metadata !== undefined && { metadata }),
      ...this.#tag,
    };
  }

  *#reasoningStart(messageId: string): Generator<AguiEvent, void, unknown> {
    yield { type: "REASONING_START", messageId, ...this.#tag };
    yield { type: "REASONING_MESSAGE_START", messageId, role: "reasoning", ...this.#tag };
  }

  *#reasoningEnd(messageId: string, encryptedValue: string | undefined): Generator<AguiEvent, void, unknown> {
    yield { type: "REASONING_MESSAGE_END", messageId, ...this.#tag };
    if (encryptedValue !== undefined) {
      const value = { subtype: "message", entityId: messageId, encryptedValue } as const;
      yield { type: "REASONING_ENCRYPTED_VALUE", ...value, ...this.#tag };
    }
    yield { type: "REASONING_END", messageId, ...this.#tag };
  }

  async *#contents(
    type: "TEXT_MESSAGE_CONTENT" | "REASONING_MESSAGE_CONTENT",
    messageId: string,
    content: AsyncIterable<string>,
  ): AsyncGenerator<AguiEvent, void, unknown> {
    for await (const delta of content) {
      if (delta !== "") yield { type, messageId, delta, ...this.#tag };
    }
  }
}

/** Work with its end behind it. If it throws, the end comes first, so that what follows is still a valid stream. */
async function* closed<Result>(
  work: EventSource<Result>,
  end: (result: Result | undefined) => AguiEvent,
  endInError: (message: string) => AguiEvent = () => end(undefined),
): AsyncGenerator<AguiEvent, Result, unknown> {
  let result: Result;
  try {
    result = yield* work;
  } catch (error) {
    yield endInError(error instanceof Error ? error.message : String(error));
    throw error;
  }
  yield end(result);
  return result;
}
