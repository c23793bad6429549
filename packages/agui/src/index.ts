export type {
  EventBuilder,
  EventBuilderOptions,
  EventSource,
  FinishOptions,
  ReasoningOptions,
  SubagentOptions,
  TextOptions,
  ToolCallOptions,
} from "./build/builder.ts";
export { createEventBuilder } from "./build/create-builder.ts";
export { stateChange } from "./build/state-events.ts";
export { type BatchRange, EventBatch } from "./codec/batch.ts";
export { createEventDecoder, decodeEvent, encodeEvent } from "./codec/binary.ts";
export { decodeRunAgentInput, encodeRunAgentInput } from "./codec/entity-codec.ts";
export {
  InvalidEventError,
  MalformedEventError,
  TooDeepError,
  UnknownEventTypeError,
} from "./codec/errors.ts";
export { type Frame, FrameEncoder, readFrames } from "./codec/frames.ts";
export { encodeEventJson } from "./codec/json-text.ts";
export { decodeValue, encodeValue } from "./codec/value.ts";
export { MAX_VALUE_DEPTH } from "./codec/value-limits.ts";
export { createDowngrader, type Downgrader, type DowngraderOptions } from "./compat/downgrade.ts";
export { downgradeInput, downgradeMessage } from "./compat/downgrade-message.ts";
export { type ConversionWarning, type PeerProfile, profileOf } from "./compat/profile.ts";
export { createUpgrader, type Upgrader, type UpgraderOptions } from "./compat/upgrade.ts";
export { upgradeInput, upgradeMessage } from "./compat/upgrade-input.ts";
export { createExpander, type EmitEvent, type Expander, type ExpanderOptions } from "./expand/expander.ts";
export { hasBinaryForm } from "./json/binary-form.ts";
export {
  capabilitiesFromMessage,
  capabilitiesToMessage,
  contextFromMessage,
  contextToMessage,
  inputFromMessage,
  inputToMessage,
  interruptFromMessage,
  interruptToMessage,
  messageFromProto,
  messageToProto,
  patchOperationFromMessage,
  patchOperationToMessage,
  resumeEntryFromMessage,
  resumeEntryToMessage,
  toolFromMessage,
  toolToMessage,
} from "./json/entity-messages.ts";
export { eventFromMessage, eventToMessage } from "./json/event-message.ts";
export { type ParsedEvent, parseEvent } from "./json/parse-event.ts";
export {
  checkRunAgentInput,
  InvalidInputError,
  type ParsedRunAgentInput,
  parseRunAgentInput,
} from "./json/parse-input.ts";
export type { Problem } from "./json/problem.ts";
export { applyPatch, PatchError } from "./reduce/json-patch.ts";
export { snapshotPrelude } from "./reduce/prelude.ts";
export { createReducer, type Reducer, type ReducerOptions } from "./reduce/reducer.ts";
export { applyChange, maxStateWeight, type StateChange, StateChangeError } from "./state/change.ts";
export { diffState } from "./state/diff.ts";
export { sameValue } from "./state/json-value.ts";
export { InvalidPointerError, parsePointer } from "./state/pointer.ts";
export { type RebaseOptions, rebaseState } from "./state/rebase.ts";
export { pointersChanged, selectState } from "./state/select.ts";
export type {
  ActivityDeltaEvent,
  ActivityMessage,
  ActivitySnapshotEvent,
  AgentCapabilities,
  AguiEvent,
  AssistantMessage,
  BaseEvent,
  ContentPart,
  Context,
  CustomEvent,
  DeveloperMessage,
  EventOf,
  EventTypeName,
  ExecutionCapabilities,
  HumanInTheLoopCapabilities,
  IdentityCapabilities,
  Interrupt,
  Json,
  JsonObject,
  JsonPatchOperation,
  Message,
  MessagesSnapshotEvent,
  MultiAgentCapabilities,
  MultimodalCapabilities,
  OutputCapabilities,
  OwnedEvent,
  PartSource,
  RawEvent,
  ReasoningCapabilities,
  ReasoningEncryptedValueEvent,
  ReasoningEndEvent,
  ReasoningMessage,
  ReasoningMessageChunkEvent,
  ReasoningMessageContentEvent,
  ReasoningMessageEndEvent,
  ReasoningMessageStartEvent,
  ReasoningStartEvent,
  ResumeEntry,
  RunAgentInput,
  RunErrorEvent,
  RunFinishedEvent,
  RunOutcome,
  RunStartedEvent,
  StateCapabilities,
  StateDeltaEvent,
  StateSnapshotEvent,
  StepFinishedEvent,
  StepStartedEvent,
  SubagentErrorEvent,
  SubagentFinishedEvent,
  SubagentInfo,
  SubagentOutcome,
  SubagentStartedEvent,
  SystemMessage,
  TextMessageChunkEvent,
  TextMessageContentEvent,
  TextMessageEndEvent,
  TextMessageRole,
  TextMessageStartEvent,
  TokenUsage,
  Tool,
  ToolCall,
  ToolCallArgsEvent,
  ToolCallChunkEvent,
  ToolCallEndEvent,
  ToolCallResultEvent,
  ToolCallStartEvent,
  ToolMessage,
  ToolsCapabilities,
  TransportCapabilities,
  UserMessage,
} from "./types.ts";
export type { CloseOptions } from "./verify/open-entities.ts";
export type { EntityKind, History, Owner } from "./verify/owners.ts";
export { RULES, type RuleName, type RuleSeverity, type RuleWarning, ViolationError } from "./verify/rules.ts";
export { createVerifier, type Verifier, type VerifierOptions } from "./verify/verifier.ts";
