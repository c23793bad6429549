/** How a broken rule is reported: a violation is thrown and fatal to clients, a warning is passed on. */
export type RuleSeverity = "violation" | "warning";

interface Rule {
  readonly severity: RuleSeverity;
  /** The rule itself, as one sentence. */
  readonly sentence: string;
}

const violation = (sentence: string): Rule => ({ severity: "violation", sentence });
const warning = (sentence: string): Rule => ({ severity: "warning", sentence });

/**
 * Every rule that the verifier, the expander and the reducer know, by its stable name. Names never change
 * their meaning; new ones may be added.
 */
export const RULES = {
  run_not_started: violation("The first event of a stream is RUN_STARTED or RUN_ERROR."),
  run_already_started: violation("RUN_STARTED comes only when no run is active."),
  event_after_run_finished: violation("After RUN_FINISHED only RUN_STARTED or RUN_ERROR may follow."),
  event_after_run_error: violation("After RUN_ERROR only RUN_STARTED may follow."),
  run_finished_while_open: violation(
    "RUN_FINISHED comes only when every step, message, reasoning, tool call and subagent is closed.",
  ),
  run_id_mismatch: violation("RUN_FINISHED names the thread and run that RUN_STARTED named."),
  missing_terminal: violation("A stream ends with RUN_FINISHED or RUN_ERROR."),
  message_already_open: violation("TEXT_MESSAGE_START names a message that is not open."),
  message_not_open: violation("TEXT_MESSAGE_CONTENT and TEXT_MESSAGE_END name an open message."),
  tool_call_already_open: violation("TOOL_CALL_START names a tool call that is not open."),
  tool_call_not_open: violation("TOOL_CALL_ARGS and TOOL_CALL_END name an open tool call."),
  tool_call_parent_mismatch: violation("A tool call belongs to the owner of the message that carries it."),
  attribution_mismatch: violation(
    "A tagged event names the same subagent as the event that opened its entity.",
  ),
  null_attribution: violation("subagentRunId is a string or absent, never null."),
  step_already_started: violation("STEP_STARTED names a step that its owner does not have open."),
  step_not_started: violation("STEP_FINISHED names a step that the same owner has open."),
  reasoning_already_open: violation("REASONING_START names a reasoning span that is not open."),
  reasoning_not_open: violation("REASONING_END names an open reasoning span."),
  reasoning_message_already_open: violation(
    "REASONING_MESSAGE_START names a reasoning message that is not open.",
  ),
  reasoning_message_not_open: violation(
    "REASONING_MESSAGE_CONTENT and REASONING_MESSAGE_END name an open reasoning message.",
  ),
  subagent_field_invalid: violation(
    "SUBAGENT events carry their required fields, no nulls, and an outcome of success or suspended.",
  ),
  subagent_already_active: violation("SUBAGENT_STARTED names a subagent that is not active."),
  subagent_reused: violation("A subagentRunId names one subagent of a run and is not used again in it."),
  subagent_parent_unknown: violation("parentSubagentRunId names a subagent that started in the same run."),
  subagent_not_active: violation("SUBAGENT_FINISHED and SUBAGENT_ERROR name an active subagent."),
  patch_moves_into_itself: violation("The from of a move operation is no proper prefix of its path."),
  chunk_not_expanded: violation("Chunks are expanded into START, CONTENT and END before they are verified."),
  chunk_id_missing: violation("The first chunk of a message or tool call carries its id."),
  chunk_name_missing: violation("The first TOOL_CALL_CHUNK of a call carries toolCallName."),
  chunk_conflict: violation("A chunk that repeats a field of the first chunk repeats its value."),
  chunk_ambiguous: violation("A chunk without id and subagent fits exactly one open stream."),
  too_many_entities: violation(
    "A run keeps the number of messages, tool calls, steps and subagents in bounds.",
  ),
  orphan_tool_result: warning("TOOL_CALL_RESULT names a tool call that some message made."),
  patch_not_applicable: warning("A JSON Patch applies to the document as it is; else it changes nothing."),
  patch_result_unshowable: warning(
    "A JSON Patch leaves a document that a snapshot can show: not too deep or heavy, an activity an object.",
  ),
  unknown_message: warning("Events that continue a message name one that exists."),
  unknown_tool_call: warning("Events that continue a tool call name one that exists."),
  message_kind_mismatch: warning("Message ids are unique over activities and other messages."),
  tool_call_renamed: warning("A tool call that is started again keeps its name."),
} as const satisfies Readonly<Record<string, Rule>>;

/** The stable name of a rule. */
export type RuleName = keyof typeof RULES;

/** A broken rule that does not end the run. */
export interface RuleWarning {
  readonly rule: RuleName;
  /** What happened, for people. */
  readonly message: string;
}

/** An event that breaks a rule which clients treat as fatal. */
export class ViolationError extends Error {
  /** Which rule, see {@link RULES}. */
  readonly rule: RuleName;

  constructor(rule: RuleName, message: string) {
    super(message);
    this.name = "ViolationError";
    this.rule = rule;
  }
}
