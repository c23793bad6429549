import {
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type MessageShape,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import {
  AgentCapabilitiesSchema,
  type AgentCapabilities as CapabilitiesMessage,
} from "@dragoman/contract/agui/v1/capabilities_pb";
import {
  type Context as ContextMessage,
  ContextSchema,
  type RunAgentInput as InputMessage,
  RunAgentInputSchema,
  type Tool as ToolMessage,
  ToolSchema,
} from "@dragoman/contract/agui/v1/input_pb";
import {
  type Interrupt as InterruptMessage,
  InterruptSchema,
  type ResumeEntry as ResumeEntryMessage,
  ResumeEntrySchema,
} from "@dragoman/contract/agui/v1/interrupt_pb";
import { type Message as ChatMessage, MessageSchema } from "@dragoman/contract/agui/v1/message_pb";
import {
  JsonPatchOperationSchema,
  type JsonPatchOperation as OperationMessage,
} from "@dragoman/contract/agui/v1/state_event_pb";
import { decodeEntity, encodeEntity } from "../codec/entity-codec.ts";
import {
  CONTEXT,
  INTERRUPT,
  MESSAGE,
  PATCH_OPERATION,
  RESUME_ENTRY,
  RUN_AGENT_INPUT,
  TOOL,
} from "../codec/entity-shapes.ts";
import type { Shape, Union } from "../codec/shape.ts";
import type {
  AgentCapabilities,
  Context,
  Interrupt,
  JsonPatchOperation,
  Message,
  ResumeEntry,
  RunAgentInput,
  Tool,
} from "../types.ts";

/**
 * Between AG-UI's objects and the contract's messages, for who uses the generated client itself. The functions
 * `...ToMessage` throw InvalidEventError where an object is not one of AG-UI's; the functions `...FromMessage`
 * throw MalformedEventError where a message contradicts itself. Rules on values, such as which roles there
 * are, are for `parseEvent` and `checkRunAgentInput`.
 */

function toMessage<D extends DescMessage>(
  schema: D,
  described: Shape | Union,
  entity: object,
): MessageShape<D> {
  return fromBinary(schema, encodeEntity(described, entity));
}

function fromMessage<T>(
  schema: DescMessage,
  described: Shape | typeof MESSAGE | typeof PATCH_OPERATION,
  message: MessageShape<DescMessage>,
): T {
  return decodeEntity(described, toBinary(schema, message)) as T;
}

export const inputToMessage = (input: RunAgentInput): InputMessage =>
  toMessage(RunAgentInputSchema, RUN_AGENT_INPUT, input);
export const inputFromMessage = (message: InputMessage): RunAgentInput =>
  fromMessage(RunAgentInputSchema, RUN_AGENT_INPUT, message);

export const messageToProto = (message: Message): ChatMessage => toMessage(MessageSchema, MESSAGE, message);
export const messageFromProto = (message: ChatMessage): Message =>
  fromMessage(MessageSchema, MESSAGE, message);

export const toolToMessage = (tool: Tool): ToolMessage => toMessage(ToolSchema, TOOL, tool);
export const toolFromMessage = (message: ToolMessage): Tool => fromMessage(ToolSchema, TOOL, message);

export const contextToMessage = (context: Context): ContextMessage =>
  toMessage(ContextSchema, CONTEXT, context);
export const contextFromMessage = (message: ContextMessage): Context =>
  fromMessage(ContextSchema, CONTEXT, message);

export const interruptToMessage = (interrupt: Interrupt): InterruptMessage =>
  toMessage(InterruptSchema, INTERRUPT, interrupt);
export const interruptFromMessage = (message: InterruptMessage): Interrupt =>
  fromMessage(InterruptSchema, INTERRUPT, message);

export const resumeEntryToMessage = (entry: ResumeEntry): ResumeEntryMessage =>
  toMessage(ResumeEntrySchema, RESUME_ENTRY, entry);
export const resumeEntryFromMessage = (message: ResumeEntryMessage): ResumeEntry =>
  fromMessage(ResumeEntrySchema, RESUME_ENTRY, message);

/** Throws an Error of protobuf-es for a capability of a wrong type; leaves out what AG-UI does not describe. */
export const capabilitiesToMessage = (capabilities: AgentCapabilities): CapabilitiesMessage =>
  fromJson(AgentCapabilitiesSchema, capabilities as JsonValue, { ignoreUnknownFields: true });
export const capabilitiesFromMessage = (message: CapabilitiesMessage): AgentCapabilities =>
  toJson(AgentCapabilitiesSchema, message) as AgentCapabilities;

export const patchOperationToMessage = (operation: JsonPatchOperation): OperationMessage =>
  toMessage(JsonPatchOperationSchema, PATCH_OPERATION, operation);
export const patchOperationFromMessage = (message: OperationMessage): JsonPatchOperation =>
  fromMessage(JsonPatchOperationSchema, PATCH_OPERATION, message);
