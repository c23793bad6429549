import type {
  AguiEvent,
  AssistantMessage,
  EventOf,
  Interrupt,
  Json,
  Message,
  ToolCall,
  ToolMessage,
} from "../types.ts";
import { type EntityKind, type History, kindOf, type Owner } from "../verify/owners.ts";
import type { RuleName, RuleWarning } from "../verify/rules.ts";
import { applyPatch } from "./json-patch.ts";
import { copyMessage, MessageList, mergeMetadata } from "./messages.ts";
import { reconcileSnapshot } from "./reconcile-snapshot.ts";

export interface ReducerOptions {
  /** The messages to begin with. They are copied. Default none. */
  readonly messages?: readonly Message[];
  /** The state to begin with. It is never changed in place. Default `{}`. */
  readonly state?: Json;
  /**
   * Receives events that clients skip or bend in silence: `patch_not_applicable`, `orphan_tool_result`,
   * `unknown_message`, `unknown_tool_call`, `message_kind_mismatch`, `tool_call_renamed`,
   * `chunk_not_expanded`. Default: nobody.
   */
  readonly onWarning?: (warning: RuleWarning) => void;
}

/**
 * Folds events into what a client of AG-UI would hold: messages, state, open interrupts. It works in place, a
 * delta costs the same at any length of history, and no event is changed or copied. Events have to be well
 * formed, chunks expanded; whatever their order, it never throws.
 */
export interface Reducer extends History {
  /** Takes the next event. */
  push(event: AguiEvent): void;
  /** The messages, live: later events change them. Take {@link Reducer.snapshotMessages} to keep them. */
  readonly messages: readonly Message[];
  /** The state. Later events replace it and never change it in place, so it can be kept as it is. */
  readonly state: Json;
  /** What the last RUN_FINISHED asked people; empty if it ended otherwise. */
  readonly pendingInterrupts: readonly Interrupt[];
  /**
   * The tool calls of the last run without a result: as its RUN_FINISHED names them, else those that were
   * started in it and got no TOOL_CALL_RESULT.
   */
  readonly pendingToolCallIds: readonly string[];
  /**
   * The messages as they are now, for a MESSAGES_SNAPSHOT: later events leave it alone. A reasoning message of
   * the current run is tagged as its REASONING_START was even if its own START was not, because a client that
   * begins with the snapshot learns the owner from it alone.
   */
  snapshotMessages(): Message[];
}

/** Creates a reducer for one conversation. */
export function createReducer(options: ReducerOptions = {}): Reducer {
  return new ConversationReducer(options);
}

class ConversationReducer implements Reducer {
  readonly #messages = new MessageList();
  readonly #onWarning: ((warning: RuleWarning) => void) | undefined;
  #state: Json;
  #pendingInterrupts: readonly Interrupt[] = [];
  /** The tool calls of the current run, and those of them that are answered. */
  #started = new Set<string>();
  #answered = new Set<string>();
  #namedPending: readonly string[] | undefined;
  /** Of the current run, by message id. */
  #reasoningOwners = new Map<string, string>();
  /** What the last delta went to: most events are the next one. */
  #last: Message | undefined;

  constructor(options: ReducerOptions) {
    this.#messages.reset((options.messages ?? []).map(copyMessage));
    this.#state = options.state === undefined ? {} : options.state;
    this.#onWarning = options.onWarning;
  }

  get messages(): readonly Message[] {
    return this.#messages.all;
  }

  get state(): Json {
    return this.#state;
  }

  get pendingInterrupts(): readonly Interrupt[] {
    return this.#pendingInterrupts;
  }

  get pendingToolCallIds(): readonly string[] {
    return this.#namedPending ?? [...this.#started].filter((id) => !this.#answered.has(id));
  }

  snapshotMessages(): Message[] {
    return this.#messages.all.map((message) => {
      const copy = copyMessage(message);
      if (copy.role !== "reasoning" || copy.subagentRunId !== undefined) return copy;
      const owner = this.#reasoningOwners.get(copy.id);
      return owner === undefined ? copy : { ...copy, subagentRunId: owner };
    });
  }

  ownerOf(kind: EntityKind, id: string): Owner | undefined {
    const message = kind === "toolCall" ? this.#messages.toolCall(id)?.message : this.#messages.get(id);
    if (message === undefined || (kind !== "toolCall" && kindOf(message.role) !== kind)) return undefined;
    return { subagentRunId: message.subagentRunId };
  }

  hasToolCall(toolCallId: string): boolean {
    return this.#messages.toolCall(toolCallId) !== undefined;
  }

  push(event: AguiEvent): void {
    switch (event.type) {
      case "TEXT_MESSAGE_CONTENT":
      case "REASONING_MESSAGE_CONTENT":
        return this.#appendContent(event);
      case "TOOL_CALL_ARGS":
        return this.#appendArguments(event);
      case "TEXT_MESSAGE_START":
      case "REASONING_MESSAGE_START":
        return this.#startMessage(event);
      case "TEXT_MESSAGE_END":
      case "REASONING_MESSAGE_END":
        return this.#endMessage(event);
      case "TOOL_CALL_START":
        return this.#startToolCall(event);
      case "TOOL_CALL_END":
        return this.#endToolCall(event);
      case "TOOL_CALL_RESULT":
        return this.#toolResult(event);
      case "STATE_SNAPSHOT":
        this.#state = event.snapshot;
        return;
      case "STATE_DELTA":
        return this.#patchState(event);
      case "MESSAGES_SNAPSHOT":
        return this.#messagesSnapshot(event);
      case "ACTIVITY_SNAPSHOT":
        return this.#activitySnapshot(event);
      case "ACTIVITY_DELTA":
        return this.#patchActivity(event);
      case "RUN_STARTED":
        return this.#startRun(event);
      case "RUN_FINISHED":
        return this.#finishRun(event);
      case "REASONING_START":
        if (event.subagentRunId != null) this.#reasoningOwners.set(event.messageId, event.subagentRunId);
        return;
      case "REASONING_ENCRYPTED_VALUE":
        return this.#encryptedValue(event);
      case "TEXT_MESSAGE_CHUNK":
      case "TOOL_CALL_CHUNK":
      case "REASONING_MESSAGE_CHUNK":
        return this.#warn("chunk_not_expanded", `${event.type} has to be expanded before.`);
    }
  }

  #startMessage(event: EventOf<"TEXT_MESSAGE_START" | "REASONING_MESSAGE_START">): void {
    const existing = this.#messages.get(event.messageId);
    if (existing?.role === "activity") return this.#warnKind(event.type, existing);
    const message = existing ?? newMessage(event);
    mergeMetadata(message, event.metadata);
    if (existing === undefined) this.#messages.append(message);
    this.#last = message;
  }

  #appendContent(event: EventOf<"TEXT_MESSAGE_CONTENT" | "REASONING_MESSAGE_CONTENT">): void {
    const message = this.#streamed(event);
    if (message === undefined) return;
    message.content = typeof message.content === "string" ? message.content + event.delta : event.delta;
    if (event.metadata !== undefined) mergeMetadata(message, event.metadata);
  }

  #endMessage(event: EventOf<"TEXT_MESSAGE_END" | "REASONING_MESSAGE_END">): void {
    const message = this.#streamed(event);
    if (message !== undefined) mergeMetadata(message, event.metadata);
  }

  /** The message that a delta or an end is for. An activity's content is no text to append to. */
  #streamed(event: { type: string; messageId: string }): Exclude<Message, { role: "activity" }> | undefined {
    const last = this.#last;
    const message = last?.id === event.messageId ? last : this.#messages.get(event.messageId);
    if (message === undefined) {
      this.#warn(
        "unknown_message",
        `${event.type} names message '${event.messageId}', which does not exist.`,
      );
      return undefined;
    }
    if (message.role === "activity") {
      this.#warnKind(event.type, message);
      return undefined;
    }
    this.#last = message;
    return message;
  }

  #startToolCall(event: EventOf<"TOOL_CALL_START">): void {
    const { toolCallId, toolCallName } = event;
    this.#started.add(toolCallId);
    const existing = this.#messages.toolCall(toolCallId)?.call;
    if (existing !== undefined) {
      if (existing.function.name !== toolCallName) {
        this.#warn(
          "tool_call_renamed",
          `Tool call '${toolCallId}' was '${existing.function.name}' and is started again as '${toolCallName}'.`,
        );
        existing.function.name = toolCallName;
      }
      mergeMetadata(existing, event.metadata);
      return;
    }
    const call: ToolCall = {
      id: toolCallId,
      type: "function",
      function: { name: toolCallName, arguments: "" },
    };
    mergeMetadata(call, event.metadata);
    this.#messages.addToolCall(this.#carrierOf(event), call);
  }

  /** The message for a tool call: the parent it names, or a new one under the parent's or the call's own id. */
  #carrierOf(event: EventOf<"TOOL_CALL_START">): AssistantMessage {
    const { toolCallId, parentMessageId } = event;
    const parent = parentMessageId ? this.#messages.get(parentMessageId) : undefined;
    if (parent?.role === "assistant") return parent;
    if (parent !== undefined) this.#warnKind(event.type, parent);
    const id = parentMessageId && parent === undefined ? parentMessageId : toolCallId;
    const created: AssistantMessage = { id, role: "assistant", toolCalls: [] };
    if (event.subagentRunId != null && this.#messages.get(id) === undefined) {
      created.subagentRunId = event.subagentRunId;
    }
    this.#messages.append(created);
    return created;
  }

  #appendArguments(event: EventOf<"TOOL_CALL_ARGS">): void {
    const call = this.#calledBy(event);
    if (call === undefined) return;
    call.function.arguments += event.delta;
    if (event.metadata !== undefined) mergeMetadata(call, event.metadata);
  }

  #endToolCall(event: EventOf<"TOOL_CALL_END">): void {
    const call = this.#calledBy(event);
    if (call !== undefined) mergeMetadata(call, event.metadata);
  }

  #calledBy(event: { type: string; toolCallId: string }): ToolCall | undefined {
    const placed = this.#messages.toolCall(event.toolCallId);
    if (placed !== undefined) return placed.call;
    this.#warn(
      "unknown_tool_call",
      `${event.type} names tool call '${event.toolCallId}', which does not exist.`,
    );
    return undefined;
  }

  #toolResult(event: EventOf<"TOOL_CALL_RESULT">): void {
    const { messageId, toolCallId, content, subagentRunId } = event;
    this.#answered.add(toolCallId);
    const answer: ToolMessage = { id: messageId, role: "tool", toolCallId, content };
    if (subagentRunId != null) answer.subagentRunId = subagentRunId;
    mergeMetadata(answer, event.metadata);
    const asking = this.#messages.toolCall(toolCallId)?.message;
    // A namesake of the message may have become the first of its id.
    this.#last = undefined;
    if (asking !== undefined) return this.#messages.insertAnswer(answer, asking);
    this.#messages.append(answer);
    this.#warn(
      "orphan_tool_result",
      `The result '${messageId}' answers tool call '${toolCallId}', which nothing made.`,
    );
  }

  #patchState({ delta }: EventOf<"STATE_DELTA">): void {
    try {
      this.#state = applyPatch(this.#state, delta);
    } catch (error) {
      this.#warn("patch_not_applicable", `STATE_DELTA does not apply: ${reasonOf(error)}`);
    }
  }

  #messagesSnapshot({ messages, metadata }: EventOf<"MESSAGES_SNAPSHOT">): void {
    this.#last = undefined;
    this.#messages.reset(reconcileSnapshot(this.#messages.all, messages.map(copyMessage), metadata));
  }

  #activitySnapshot(event: EventOf<"ACTIVITY_SNAPSHOT">): void {
    const { messageId, activityType, content, subagentRunId, metadata } = event;
    const existing = this.#messages.get(messageId);
    const replaces = event.replace ?? true;
    if (existing !== undefined && existing.role !== "activity" && !replaces) return;
    if (existing?.role === "activity") {
      if (replaces) {
        Object.assign(existing, { activityType, content });
        // Attribution comes anew with the content, and so may end.
        if (subagentRunId != null) existing.subagentRunId = subagentRunId;
        else delete existing.subagentRunId;
      }
      mergeMetadata(existing, metadata);
      return;
    }
    const owner = subagentRunId == null ? {} : { subagentRunId };
    const created: Message = { id: messageId, role: "activity", activityType, content, ...owner };
    mergeMetadata(created, metadata);
    this.#last = undefined;
    if (existing === undefined) this.#messages.append(created);
    else this.#messages.replace(existing, created);
  }

  #patchActivity(event: EventOf<"ACTIVITY_DELTA">): void {
    const activity = this.#messages.get(event.messageId);
    if (activity === undefined) {
      return this.#warn(
        "unknown_message",
        `ACTIVITY_DELTA names '${event.messageId}', which does not exist.`,
      );
    }
    if (activity.role !== "activity") return this.#warnKind(event.type, activity);
    // Metadata does not depend on whether the patch applies.
    mergeMetadata(activity, event.metadata);
    try {
      activity.content = applyPatch(activity.content, event.patch) as typeof activity.content;
      activity.activityType = event.activityType;
    } catch (error) {
      const message = `ACTIVITY_DELTA of '${event.messageId}' does not apply: ${reasonOf(error)}`;
      this.#warn("patch_not_applicable", message);
    }
  }

  #startRun({ input }: EventOf<"RUN_STARTED">): void {
    this.#started = new Set();
    this.#answered = new Set();
    this.#namedPending = undefined;
    this.#reasoningOwners = new Map();
    for (const message of input?.messages ?? []) {
      if (this.#messages.get(message.id) === undefined) this.#messages.append(copyMessage(message));
    }
  }

  #finishRun({ outcome }: EventOf<"RUN_FINISHED">): void {
    this.#pendingInterrupts = outcome?.type === "interrupt" ? outcome.interrupts : [];
    const named = outcome?.type === "success" ? outcome.pendingToolCallIds : undefined;
    this.#namedPending = named !== undefined && named.length > 0 ? named : undefined;
  }

  #encryptedValue({ subtype, entityId, encryptedValue }: EventOf<"REASONING_ENCRYPTED_VALUE">): void {
    if (subtype === "tool-call") {
      const placed = this.#messages.toolCall(entityId);
      if (placed !== undefined) placed.call.encryptedValue = encryptedValue;
      return;
    }
    const message = this.#messages.get(entityId);
    if (message !== undefined && message.role !== "activity") message.encryptedValue = encryptedValue;
  }

  #warnKind(type: string, { id, role }: Message): void {
    this.#warn("message_kind_mismatch", `${type} names message '${id}', which has the role '${role}'.`);
  }

  #warn(rule: RuleName, message: string): void {
    this.#onWarning?.({ rule, message });
  }
}

function newMessage(event: EventOf<"TEXT_MESSAGE_START" | "REASONING_MESSAGE_START">): Message {
  const owner = event.subagentRunId == null ? {} : { subagentRunId: event.subagentRunId };
  if (event.type === "REASONING_MESSAGE_START") {
    return { id: event.messageId, role: "reasoning", content: "", ...owner };
  }
  const name = event.name === undefined ? {} : { name: event.name };
  return { id: event.messageId, role: event.role ?? "assistant", content: "", ...name, ...owner };
}

function reasonOf(error: unknown): string {
  // The library appends the whole document to its messages.
  return error instanceof Error ? (error.message.split("\n", 1)[0] ?? "") : String(error);
}
