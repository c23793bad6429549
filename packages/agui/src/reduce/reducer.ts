import type { AguiEvent, EventOf, Interrupt, Json, Message, ToolCall } from "../types.ts";
import { type EntityKind, type History, kindOf, type Owner } from "../verify/owners.ts";
import type { RuleWarning } from "../verify/rules.ts";
import { foldActivityDelta, foldActivitySnapshot } from "./fold-activities.ts";
import { foldContent, foldMessageEnd, foldMessageStart } from "./fold-messages.ts";
import { foldArguments, foldToolCallEnd, foldToolCallStart, foldToolResult } from "./fold-tool-calls.ts";
import { applyPatch, reasonOf, ruleOf } from "./json-patch.ts";
import { type Conversation, copyMessage, MessageList } from "./messages.ts";
import { reconcileSnapshot } from "./reconcile-snapshot.ts";

export interface ReducerOptions {
  /** The messages to begin with. They are copied. Default none. */
  readonly messages?: readonly Message[];
  /** The state to begin with. It is never changed in place. Default `{}`. */
  readonly state?: Json;
  /**
   * Receives events that clients skip or bend in silence: `patch_not_applicable`, `orphan_tool_result`,
   * `unknown_message`, `unknown_tool_call`, `message_kind_mismatch`, `tool_call_renamed`,
   * `chunk_not_expanded`. And one that they follow where this does not: `patch_result_unshowable`, which hosts
   * with a log refuse. Default: nobody.
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
  /** The message of an id, live. */
  message(id: string): Message | undefined;
  /** The tool call of an id, live. */
  toolCall(id: string): ToolCall | undefined;
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
  readonly #conversation: Conversation;
  #state: Json;
  #pendingInterrupts: readonly Interrupt[] = [];
  /** The tool calls of the current run, and those of them that are answered. */
  readonly #started = new Set<string>();
  readonly #answered = new Set<string>();
  #namedPending: readonly string[] | undefined;
  /** Of the current run, by message id. */
  readonly #reasoningOwners = new Map<string, string>();

  constructor(options: ReducerOptions) {
    const messages = new MessageList();
    messages.reset((options.messages ?? []).map(copyMessage));
    this.#conversation = { messages, warn: (rule, message) => options.onWarning?.({ rule, message }) };
    this.#state = options.state === undefined ? {} : options.state;
  }

  get messages(): readonly Message[] {
    return this.#conversation.messages.all;
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
    return this.messages.map((message) => {
      const copy = copyMessage(message);
      const owner = this.#reasoningOwners.get(copy.id);
      if (copy.role === "reasoning" && owner !== undefined) copy.subagentRunId ??= owner;
      return copy;
    });
  }

  ownerOf(kind: EntityKind, id: string): Owner | undefined {
    const { messages } = this.#conversation;
    const message = kind === "toolCall" ? messages.toolCall(id)?.message : messages.get(id);
    if (message === undefined || (kind !== "toolCall" && kindOf(message.role) !== kind)) return undefined;
    return { subagentRunId: message.subagentRunId };
  }

  message(id: string): Message | undefined {
    return this.#conversation.messages.get(id);
  }

  hasToolCall(toolCallId: string): boolean {
    return this.toolCall(toolCallId) !== undefined;
  }

  toolCall(id: string): ToolCall | undefined {
    return this.#conversation.messages.toolCall(id)?.call;
  }

  push(event: AguiEvent): void {
    const conversation = this.#conversation;
    switch (event.type) {
      case "TEXT_MESSAGE_CONTENT":
      case "REASONING_MESSAGE_CONTENT":
        foldContent(conversation, event);
        break;
      case "TOOL_CALL_ARGS":
        foldArguments(conversation, event);
        break;
      case "TEXT_MESSAGE_START":
      case "REASONING_MESSAGE_START":
        foldMessageStart(conversation, event);
        break;
      case "TEXT_MESSAGE_END":
      case "REASONING_MESSAGE_END":
        foldMessageEnd(conversation, event);
        break;
      case "TOOL_CALL_START":
        this.#started.add(event.toolCallId);
        foldToolCallStart(conversation, event);
        break;
      case "TOOL_CALL_END":
        foldToolCallEnd(conversation, event);
        break;
      case "TOOL_CALL_RESULT":
        this.#answered.add(event.toolCallId);
        foldToolResult(conversation, event);
        break;
      case "STATE_SNAPSHOT":
        this.#state = event.snapshot;
        break;
      case "STATE_DELTA":
        this.#patchState(event);
        break;
      case "MESSAGES_SNAPSHOT":
        this.#messagesSnapshot(event);
        break;
      case "ACTIVITY_SNAPSHOT":
        foldActivitySnapshot(conversation, event);
        break;
      case "ACTIVITY_DELTA":
        foldActivityDelta(conversation, event);
        break;
      case "RUN_STARTED":
        this.#startRun(event);
        break;
      case "RUN_FINISHED":
        this.#finishRun(event);
        break;
      case "REASONING_START":
        if (event.subagentRunId != null) this.#reasoningOwners.set(event.messageId, event.subagentRunId);
        break;
      case "REASONING_ENCRYPTED_VALUE":
        this.#encryptedValue(event);
        break;
      case "TEXT_MESSAGE_CHUNK":
      case "TOOL_CALL_CHUNK":
      case "REASONING_MESSAGE_CHUNK":
        conversation.warn("chunk_not_expanded", `${event.type} has to be expanded before.`);
    }
  }

  #patchState({ delta }: EventOf<"STATE_DELTA">): void {
    try {
      this.#state = applyPatch(this.#state, delta);
    } catch (error) {
      this.#conversation.warn(ruleOf(error), `STATE_DELTA does not apply: ${reasonOf(error)}`);
    }
  }

  #messagesSnapshot({ messages: restated, metadata }: EventOf<"MESSAGES_SNAPSHOT">): void {
    const { messages } = this.#conversation;
    messages.reset(reconcileSnapshot(messages.all, restated.map(copyMessage), metadata));
  }

  #startRun({ input }: EventOf<"RUN_STARTED">): void {
    this.#started.clear();
    this.#answered.clear();
    this.#namedPending = undefined;
    this.#reasoningOwners.clear();
    const { messages } = this.#conversation;
    for (const message of input?.messages ?? []) {
      if (messages.get(message.id) === undefined) messages.append(copyMessage(message));
    }
  }

  #finishRun({ outcome }: EventOf<"RUN_FINISHED">): void {
    this.#pendingInterrupts = outcome?.type === "interrupt" ? outcome.interrupts.map(withoutNullTag) : [];
    const named = outcome?.type === "success" ? outcome.pendingToolCallIds : undefined;
    this.#namedPending = named !== undefined && named.length > 0 ? named : undefined;
  }

  #encryptedValue({ subtype, entityId, encryptedValue }: EventOf<"REASONING_ENCRYPTED_VALUE">): void {
    const { messages } = this.#conversation;
    if (subtype === "tool-call") {
      const placed = messages.toolCall(entityId);
      if (placed !== undefined) placed.call.encryptedValue = encryptedValue;
      return;
    }
    const message = messages.get(entityId);
    if (message !== undefined && message.role !== "activity") message.encryptedValue = encryptedValue;
  }
}

function withoutNullTag(interrupt: Interrupt): Interrupt {
  if (interrupt.subagentRunId !== null) return interrupt;
  const { subagentRunId: _, ...rest } = interrupt;
  return rest;
}
