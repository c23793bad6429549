import type { AguiEvent, EventOf, OwnedEvent } from "../types.ts";
import { type CloseOptions, OpenEntities } from "./open-entities.ts";
import { type History, nameOf, Owners } from "./owners.ts";
import { type RuleName, type RuleWarning, ViolationError } from "./rules.ts";
import { checkSubagentFields } from "./subagent-fields.ts";

export interface VerifierOptions {
  /** Receives what is wrong but harmless to clients, now `orphan_tool_result`. Default: nobody. */
  readonly onWarning?: (warning: RuleWarning) => void;
  /**
   * What came before this stream, usually the session's reducer, which must be given each event after the
   * verifier. With it, an event that re-opens an entity of an earlier run has to agree with its owner, which a
   * client that joins later by a snapshot checks, and a result of an earlier run's call is no orphan. Default
   * none: the verdict is exactly that of a client that began with this stream.
   */
  readonly history?: History;
  /** How many messages, tool calls, steps and subagents one run may name. 1 and more, default 1,000,000. */
  readonly maxEntities?: number;
}

/** Checks that a stream of events keeps AG-UI's rules of order, and knows what is open in it. */
export interface Verifier {
  /** Takes the next event. Throws {@link ViolationError}; what was open before the event is open after it. */
  push(event: AguiEvent): void;
  /** Takes the end of the stream. Throws {@link ViolationError} `missing_terminal` if a run has not ended. */
  end(): void;
  /**
   * The events that close everything open, to be emitted (and pushed) before RUN_FINISHED or RUN_ERROR: tool
   * calls, messages, reasoning messages, reasoning, steps, subagents, the latest opened first. A subagent ends
   * in SUBAGENT_ERROR, for it did not succeed; clients accept it before either terminal. Changes nothing.
   */
  closeOpen(options?: CloseOptions): AguiEvent[];
  /**
   * The START events of everything open, in their order, for a client that has just been given RUN_STARTED and
   * a snapshot of messages and state. What a START merges into a message is left out, for the snapshot holds it.
   * The subagents of the run that have ended come with their end, because a later one may name them as parent.
   */
  openers(): AguiEvent[];
  /** Whether a run has started and not ended. */
  readonly isRunActive: boolean;
}

/** Creates a verifier for one stream of one or more runs. */
export function createVerifier(options: VerifierOptions = {}): Verifier {
  return new StreamVerifier(options);
}

type Phase = "empty" | "active" | "finished" | "errored";

class StreamVerifier implements Verifier {
  readonly #open = new OpenEntities();
  readonly #owners: Owners;
  readonly #onWarning: ((warning: RuleWarning) => void) | undefined;
  readonly #history: History | undefined;
  readonly #maxEntities: number;
  #entities = 0;
  #phase: Phase = "empty";
  #threadId = "";
  #runId = "";
  /** The message whose content came last, as long as it is open: most events are its next delta. */
  #lastMessageId: string | undefined;

  constructor(options: VerifierOptions) {
    this.#onWarning = options.onWarning;
    this.#history = options.history;
    this.#maxEntities = options.maxEntities ?? 1_000_000;
    this.#owners = new Owners(options.history, () => this.#count());
  }

  get isRunActive(): boolean {
    return this.#phase === "active";
  }

  push(event: AguiEvent): void {
    if (
      event.type === "TEXT_MESSAGE_CONTENT" &&
      event.messageId === this.#lastMessageId &&
      event.subagentRunId === undefined
    ) {
      return;
    }
    this.#checkPhase(event);
    if ((event as OwnedEvent).subagentRunId === null) {
      throw new ViolationError("null_attribution", `${event.type} has a subagentRunId of null.`);
    }
    this.#dispatch(event);
  }

  end(): void {
    if (this.#phase === "finished" || this.#phase === "errored") return;
    const what = this.#phase === "empty" ? "before its first event" : `while run '${this.#runId}' was active`;
    throw new ViolationError("missing_terminal", `The stream ended ${what}.`);
  }

  closeOpen(options: CloseOptions = {}): AguiEvent[] {
    return this.#open.closers(options);
  }

  openers(): AguiEvent[] {
    return this.#open.openers();
  }

  #dispatch(event: AguiEvent): void {
    switch (event.type) {
      case "TEXT_MESSAGE_START":
        return this.#startMessage(event);
      case "TEXT_MESSAGE_CONTENT":
      case "TEXT_MESSAGE_END":
        return this.#continueMessage(event);
      case "TOOL_CALL_START":
        return this.#startToolCall(event);
      case "TOOL_CALL_ARGS":
      case "TOOL_CALL_END":
        return this.#continueToolCall(event);
      case "TOOL_CALL_RESULT":
        return this.#toolResult(event);
      case "STEP_STARTED":
        return this.#startStep(event);
      case "STEP_FINISHED":
        return this.#finishStep(event);
      case "REASONING_START":
      case "REASONING_MESSAGE_START":
        return this.#startReasoning(event);
      case "REASONING_MESSAGE_CONTENT":
      case "REASONING_MESSAGE_END":
      case "REASONING_END":
        return this.#continueReasoning(event);
      case "REASONING_ENCRYPTED_VALUE":
        return this.#encryptedValue(event);
      case "ACTIVITY_SNAPSHOT":
        return this.#activitySnapshot(event);
      case "ACTIVITY_DELTA":
        return this.#owners.agree(event.type, event.subagentRunId, "activity", event.messageId);
      case "SUBAGENT_STARTED":
        return this.#startSubagent(event);
      case "SUBAGENT_FINISHED":
      case "SUBAGENT_ERROR":
        return this.#endSubagent(event);
      case "MESSAGES_SNAPSHOT":
        return this.#owners.seed(event.messages, true);
      case "RUN_STARTED":
        return this.#startRun(event);
      case "RUN_FINISHED":
        return this.#finishRun(event);
      case "RUN_ERROR":
        return this.#endRun("errored");
      case "TEXT_MESSAGE_CHUNK":
      case "TOOL_CALL_CHUNK":
      case "REASONING_MESSAGE_CHUNK":
        throw new ViolationError("chunk_not_expanded", `${event.type} has to be expanded before.`);
    }
  }

  #checkPhase({ type }: AguiEvent): void {
    if (type === "RUN_STARTED") {
      if (this.#phase !== "active") return;
      throw new ViolationError(
        "run_already_started",
        `RUN_STARTED came while run '${this.#runId}' is active.`,
      );
    }
    if (this.#phase === "active" || (type === "RUN_ERROR" && this.#phase !== "errored")) return;
    if (this.#phase === "empty") {
      throw new ViolationError("run_not_started", `The first event is ${type} instead of RUN_STARTED.`);
    }
    const [rule, terminal]: [RuleName, string] =
      this.#phase === "errored"
        ? ["event_after_run_error", "RUN_ERROR"]
        : ["event_after_run_finished", "RUN_FINISHED"];
    throw new ViolationError(rule, `${type} came after ${terminal} of run '${this.#runId}'.`);
  }

  #startRun(event: EventOf<"RUN_STARTED">): void {
    this.#owners.seed(event.input?.messages, false);
    this.#phase = "active";
    this.#threadId = event.threadId;
    this.#runId = event.runId;
  }

  #finishRun(event: EventOf<"RUN_FINISHED">): void {
    if (event.outcome?.type === "interrupt") {
      const unowned = event.outcome.interrupts.find(({ subagentRunId }) => subagentRunId === null);
      if (unowned !== undefined) {
        throw new ViolationError(
          "null_attribution",
          `Interrupt '${unowned.id}' has a subagentRunId of null.`,
        );
      }
    }
    const open = this.#open.describe();
    if (open.length > 0) {
      throw new ViolationError("run_finished_while_open", `RUN_FINISHED came with ${listed(open)} open.`);
    }
    if (event.threadId !== this.#threadId || event.runId !== this.#runId) {
      throw new ViolationError(
        "run_id_mismatch",
        `RUN_FINISHED names run '${event.runId}' of thread '${event.threadId}', but run '${this.#runId}' of thread '${this.#threadId}' is active.`,
      );
    }
    this.#endRun("finished");
  }

  #endRun(phase: Phase): void {
    this.#phase = phase;
    this.#lastMessageId = undefined;
    this.#entities = 0;
    this.#open.clear();
    this.#owners.clear();
  }

  #startMessage(event: EventOf<"TEXT_MESSAGE_START">): void {
    const { messageId, subagentRunId } = event;
    if (this.#open.messages.has(messageId)) {
      throw new ViolationError("message_already_open", `Message '${messageId}' is already open.`);
    }
    this.#owners.agree(event.type, subagentRunId, "message", messageId);
    this.#owners.claim("message", messageId, subagentRunId);
    this.#open.messages.set(messageId, this.#open.place(event));
    this.#lastMessageId = messageId;
  }

  #continueMessage(event: EventOf<"TEXT_MESSAGE_CONTENT" | "TEXT_MESSAGE_END">): void {
    const { type, messageId, subagentRunId } = event;
    if (!this.#open.messages.has(messageId)) {
      throw new ViolationError(
        "message_not_open",
        `${type} names message '${messageId}', which is not open.`,
      );
    }
    this.#owners.agree(type, subagentRunId, "message", messageId);
    this.#lastMessageId = messageId;
    if (type === "TEXT_MESSAGE_CONTENT") return;
    this.#open.messages.delete(messageId);
    this.#lastMessageId = undefined;
  }

  #startToolCall(event: EventOf<"TOOL_CALL_START">): void {
    const { type, toolCallId, parentMessageId, subagentRunId } = event;
    if (this.#open.toolCalls.has(toolCallId)) {
      throw new ViolationError("tool_call_already_open", `Tool call '${toolCallId}' is already open.`);
    }
    const parent = parentMessageId === undefined ? undefined : this.#owners.get("message", parentMessageId);
    if (parent !== undefined && parentMessageId !== undefined) {
      this.#owners.agree(type, subagentRunId, "message", parentMessageId, "tool_call_parent_mismatch");
    }
    this.#owners.agree(type, subagentRunId, "toolCall", toolCallId);
    const owner = this.#owners.get("toolCall", toolCallId);
    if (owner === undefined) {
      this.#owners.set("toolCall", toolCallId, subagentRunId ?? parent?.subagentRunId);
    } else if (parent !== undefined && parent.subagentRunId !== owner.subagentRunId) {
      throw new ViolationError(
        "tool_call_parent_mismatch",
        `Tool call '${toolCallId}' of ${nameOf(owner)} was re-opened in message '${parentMessageId}' of ${nameOf(parent)}.`,
      );
    }
    this.#open.toolCalls.set(toolCallId, this.#open.place(event));
  }

  #continueToolCall({ type, toolCallId, subagentRunId }: EventOf<"TOOL_CALL_ARGS" | "TOOL_CALL_END">): void {
    if (!this.#open.toolCalls.has(toolCallId)) {
      throw new ViolationError(
        "tool_call_not_open",
        `${type} names tool call '${toolCallId}', which is not open.`,
      );
    }
    this.#owners.agree(type, subagentRunId, "toolCall", toolCallId);
    if (type === "TOOL_CALL_END") this.#open.toolCalls.delete(toolCallId);
  }

  /** A result makes a message of its own; the newest one counts. Who answers may differ from who asked. */
  #toolResult({ messageId, toolCallId, subagentRunId }: EventOf<"TOOL_CALL_RESULT">): void {
    this.#owners.set("message", messageId, subagentRunId);
    if (this.#onWarning === undefined || this.#owners.get("toolCall", toolCallId) !== undefined) return;
    if (this.#history?.hasToolCall(toolCallId)) return;
    const message = `The result '${messageId}' answers tool call '${toolCallId}', which nothing made.`;
    this.#onWarning({ rule: "orphan_tool_result", message });
  }

  #startStep(event: EventOf<"STEP_STARTED">): void {
    const { stepName, subagentRunId } = event;
    if (this.#open.stepsOf(subagentRunId)?.has(stepName)) {
      throw new ViolationError(
        "step_already_started",
        `Step '${stepName}' of ${nameOf({ subagentRunId })} is already open.`,
      );
    }
    this.#count();
    this.#open.addStep(event);
  }

  #finishStep({ stepName, subagentRunId }: EventOf<"STEP_FINISHED">): void {
    if (!this.#open.stepsOf(subagentRunId)?.has(stepName)) {
      const owner = this.#open.stepOwner(stepName);
      const hint = owner === undefined ? "" : `; one of that name is open for ${nameOf(owner)}`;
      throw new ViolationError(
        "step_not_started",
        `STEP_FINISHED names step '${stepName}' of ${nameOf({ subagentRunId })}, which is not open${hint}.`,
      );
    }
    this.#open.removeStep(subagentRunId, stepName);
  }

  /** A span and the message in it usually share an id: two sets of brackets, one owner. */
  #startReasoning(event: EventOf<"REASONING_START" | "REASONING_MESSAGE_START">): void {
    const { type, messageId, subagentRunId } = event;
    const isSpan = type === "REASONING_START";
    if ((isSpan ? this.#open.reasoningSpans : this.#open.reasoningMessages).has(messageId)) {
      throw new ViolationError(
        isSpan ? "reasoning_already_open" : "reasoning_message_already_open",
        `${type} names '${messageId}', which is already open.`,
      );
    }
    this.#owners.agree(type, subagentRunId, "reasoning", messageId);
    this.#owners.claim("reasoning", messageId, subagentRunId);
    if (event.type === "REASONING_START") this.#open.reasoningSpans.set(messageId, this.#open.place(event));
    else this.#open.reasoningMessages.set(messageId, this.#open.place(event));
  }

  #continueReasoning(
    event: EventOf<"REASONING_MESSAGE_CONTENT" | "REASONING_MESSAGE_END" | "REASONING_END">,
  ): void {
    const { type, messageId, subagentRunId } = event;
    const isSpan = type === "REASONING_END";
    const open = isSpan ? this.#open.reasoningSpans : this.#open.reasoningMessages;
    if (!open.has(messageId)) {
      throw new ViolationError(
        isSpan ? "reasoning_not_open" : "reasoning_message_not_open",
        `${type} names '${messageId}', which is not open.`,
      );
    }
    this.#owners.agree(type, subagentRunId, "reasoning", messageId);
    if (type !== "REASONING_MESSAGE_CONTENT") open.delete(messageId);
  }

  #encryptedValue({ type, subtype, entityId, subagentRunId }: EventOf<"REASONING_ENCRYPTED_VALUE">): void {
    if (subtype === "tool-call") return this.#owners.agree(type, subagentRunId, "toolCall", entityId);
    const kind = this.#owners.get("message", entityId) === undefined ? "reasoning" : "message";
    this.#owners.agree(type, subagentRunId, kind, entityId);
  }

  /** Only a snapshot that replaces makes the activity anew, and so may change its owner. */
  #activitySnapshot({ messageId, subagentRunId, replace }: EventOf<"ACTIVITY_SNAPSHOT">): void {
    if (replace !== false) this.#owners.set("activity", messageId, subagentRunId);
    else this.#owners.claim("activity", messageId, subagentRunId);
  }

  #startSubagent(event: EventOf<"SUBAGENT_STARTED">): void {
    checkSubagentFields(event);
    const { subagentRunId, parentSubagentRunId } = event;
    const known = this.#open.subagents.get(subagentRunId);
    if (known !== undefined) {
      throw known.ended === undefined
        ? new ViolationError("subagent_already_active", `Subagent '${subagentRunId}' is already active.`)
        : new ViolationError("subagent_reused", `Subagent '${subagentRunId}' has ended in this run already.`);
    }
    if (parentSubagentRunId !== undefined && !this.#open.subagents.has(parentSubagentRunId)) {
      throw new ViolationError(
        "subagent_parent_unknown",
        `Subagent '${subagentRunId}' names parent '${parentSubagentRunId}', which has not started in this run.`,
      );
    }
    this.#count();
    this.#open.subagents.set(subagentRunId, { started: this.#open.place(event), ended: undefined });
  }

  #endSubagent(event: EventOf<"SUBAGENT_FINISHED" | "SUBAGENT_ERROR">): void {
    checkSubagentFields(event);
    const subagent = this.#open.subagents.get(event.subagentRunId);
    if (subagent === undefined || subagent.ended !== undefined) {
      throw new ViolationError(
        "subagent_not_active",
        `${event.type} names subagent '${event.subagentRunId}', which is not active.`,
      );
    }
    subagent.ended = this.#open.place(event);
  }

  #count(): void {
    if (this.#entities >= this.#maxEntities) {
      throw new ViolationError("too_many_entities", `The run names more than ${this.#maxEntities} entities.`);
    }
    this.#entities += 1;
  }
}

const LISTED = 10;

function listed(names: readonly string[]): string {
  if (names.length <= LISTED) return names.join(", ");
  return `${names.slice(0, LISTED).join(", ")} and ${names.length - LISTED} more`;
}
