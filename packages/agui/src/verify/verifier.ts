import { movesIntoItself } from "../reduce/json-patch.ts";
import type { AguiEvent, EventOf, JsonPatchOperation, OwnedEvent } from "../types.ts";
import {
  checkActivitySnapshot,
  checkEncryptedValue,
  checkMessageContinuation,
  checkMessageStart,
  checkReasoningContinuation,
  checkReasoningStart,
} from "./check-messages.ts";
import { checkStepFinish, checkStepStart } from "./check-steps.ts";
import { checkSubagentEnd, checkSubagentStart } from "./check-subagents.ts";
import { checkToolCallContinuation, checkToolCallStart } from "./check-tool-calls.ts";
import { type CloseOptions, OpenEntities } from "./open-entities.ts";
import { type History, Owners } from "./owners.ts";
import { type RuleName, type RuleWarning, ViolationError } from "./rules.ts";
import type { RunState } from "./run-state.ts";

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
   * a snapshot of messages and state: tagged as their owners are now, without what the messages hold already.
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
  readonly #run: RunState;
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
    const count = () => this.#count();
    this.#run = { open: new OpenEntities(), owners: new Owners(options.history, count), count };
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
    if (event.type === "TEXT_MESSAGE_CONTENT") this.#lastMessageId = event.messageId;
    else if (event.type === "TEXT_MESSAGE_END") this.#lastMessageId = undefined;
  }

  end(): void {
    if (this.#phase === "finished" || this.#phase === "errored") return;
    const what = this.#phase === "empty" ? "before its first event" : `while run '${this.#runId}' was active`;
    throw new ViolationError("missing_terminal", `The stream ended ${what}.`);
  }

  closeOpen(options: CloseOptions = {}): AguiEvent[] {
    return this.#run.open.closers(this.#run.owners, options);
  }

  openers(): AguiEvent[] {
    return this.#run.open.openers(this.#run.owners);
  }

  #dispatch(event: AguiEvent): void {
    const run = this.#run;
    switch (event.type) {
      case "TEXT_MESSAGE_START":
        checkMessageStart(run, event);
        break;
      case "TEXT_MESSAGE_CONTENT":
      case "TEXT_MESSAGE_END":
        checkMessageContinuation(run, event);
        break;
      case "TOOL_CALL_START":
        checkToolCallStart(run, event);
        break;
      case "TOOL_CALL_ARGS":
      case "TOOL_CALL_END":
        checkToolCallContinuation(run, event);
        break;
      case "TOOL_CALL_RESULT":
        this.#toolResult(event);
        break;
      case "STEP_STARTED":
        checkStepStart(run, event);
        break;
      case "STEP_FINISHED":
        checkStepFinish(run, event);
        break;
      case "REASONING_START":
      case "REASONING_MESSAGE_START":
        checkReasoningStart(run, event);
        break;
      case "REASONING_MESSAGE_CONTENT":
      case "REASONING_MESSAGE_END":
      case "REASONING_END":
        checkReasoningContinuation(run, event);
        break;
      case "REASONING_ENCRYPTED_VALUE":
        checkEncryptedValue(run, event);
        break;
      case "ACTIVITY_SNAPSHOT":
        checkActivitySnapshot(run, event);
        break;
      case "ACTIVITY_DELTA":
        checkPatch(event, event.patch);
        run.owners.agree(event.type, event.subagentRunId, "activity", event.messageId);
        break;
      case "STATE_DELTA":
        checkPatch(event, event.delta);
        break;
      case "SUBAGENT_STARTED":
        checkSubagentStart(run, event);
        break;
      case "SUBAGENT_FINISHED":
      case "SUBAGENT_ERROR":
        checkSubagentEnd(run, event);
        break;
      case "MESSAGES_SNAPSHOT":
        run.owners.seed(event.messages, true);
        break;
      case "RUN_STARTED":
        this.#startRun(event);
        break;
      case "RUN_FINISHED":
        this.#finishRun(event);
        break;
      case "RUN_ERROR":
        this.#endRun("errored");
        break;
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
    this.#run.owners.seed(event.input?.messages, false);
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
    const open = this.#run.open.describe();
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
    this.#run.open.clear();
    this.#run.owners.clear();
  }

  /** A result makes a message of its own; the newest one counts. Who answers may differ from who asked. */
  #toolResult({ messageId, toolCallId, subagentRunId }: EventOf<"TOOL_CALL_RESULT">): void {
    const { owners } = this.#run;
    owners.set("message", messageId, subagentRunId);
    if (this.#onWarning === undefined || owners.get("toolCall", toolCallId) !== undefined) return;
    if (this.#history?.hasToolCall(toolCallId)) return;
    const message = `The result '${messageId}' answers tool call '${toolCallId}', which nothing made.`;
    this.#onWarning({ rule: "orphan_tool_result", message });
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

/** Whether a patch applies depends on the document, but this one leaves clients with one that kills them. */
function checkPatch({ type }: AguiEvent, patch: readonly JsonPatchOperation[]): void {
  const operation = patch.find(movesIntoItself);
  if (operation === undefined) return;
  throw new ViolationError(
    "patch_moves_into_itself",
    `${type} moves a value to '${operation.path}', which is a part of it.`,
  );
}
