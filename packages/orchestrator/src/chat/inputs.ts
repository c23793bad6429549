import {
  checkRunAgentInput,
  contextFromMessage,
  type Message,
  messageFromProto,
  type ResumeEntry,
  resumeEntryFromMessage,
  toolFromMessage,
} from "@dragoman/agui";
import type { ResumeEntry as ResumeEntryProto } from "@dragoman/contract/agui/v1/interrupt_pb";
import type { Message as MessageProto } from "@dragoman/contract/agui/v1/message_pb";
import {
  ChatControl_Action as Action,
  type ChatControl,
  type ChatInit,
  type ChatInput,
  ChatMode,
  type ChatToolResult,
  type SendChatInputRequest,
} from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import { type ChatOutcome, type Engine, newId } from "@dragoman/engine";
import { invalidInput } from "../errors.ts";
import { readStruct, readValue } from "../read-value.ts";

/** Whose input it is, and what a run that it begins is given. */
export type ChatSettings = Pick<
  ChatInit | SendChatInputRequest,
  "agentId" | "mode" | "tools" | "context" | "forwardedProps"
>;

/** A chat. */
export interface ChatKey {
  readonly namespace: string;
  readonly id: string;
}

/** What became of an input, with the id of its message where it is one. */
export type TakenInput = ChatOutcome & { readonly messageId: string };

/** Roles of messages that come from people and programs. */
const saidRoles: ReadonlySet<string> = new Set(["user", "developer", "system"]);

/** Gives an input to a chat. Rejects where it cannot be taken. */
export async function takeInput(
  engine: Engine,
  key: ChatKey,
  { input, interruptRunId }: ChatInput,
  settings: ChatSettings,
): Promise<TakenInput> {
  switch (input.case) {
    case "message": {
      const message = readMessage(input.value);
      return {
        ...(await engine.chats.say(key, { message, ...readSettings(settings) })),
        messageId: message.id,
      };
    }
    case "control":
      return { ...(await control(engine, key, input.value)), messageId: "" };
    case "interruptAnswer":
      return { ...(await answer(engine, key, input.value, interruptRunId)), messageId: "" };
    case "toolResult":
      return { ...(await submit(engine, key, input.value)), messageId: "" };
    case undefined:
      throw invalidInput([{ path: "", message: "the input is empty", rule: "required" }]);
  }
}

/** The last answer to a run begins the one that goes on; until then the others are kept. */
async function answer(
  engine: Engine,
  key: ChatKey,
  proto: ResumeEntryProto,
  interruptedRunId: string,
): Promise<ChatOutcome> {
  const { headSequence: afterSequence } = await engine.getSession(key);
  const { info } = await engine.interrupts.resolve(key, { ...readAnswer(proto), runId: interruptedRunId });
  const runId = info.resumedRunId ?? "";
  if (runId === "") return { disposition: "done", runId: "", afterSequence };
  const { state } = await engine.getRun(key, runId);
  return { disposition: state === "queued" ? "queued" : "started", runId, afterSequence };
}

/** Reads an answer; what JSON does not have would be told to the agent as something else. */
function readAnswer(proto: ResumeEntryProto): ResumeEntry {
  const { payload, metadata } = proto;
  if (payload) readValue(payload, "payload");
  if (metadata) readStruct(metadata, "metadata");
  return resumeEntryFromMessage(proto);
}

/** The agent at work gets a result, or one that goes on with it. */
async function submit(
  engine: Engine,
  key: ChatKey,
  { toolCallId, content, error }: ChatToolResult,
): Promise<ChatOutcome> {
  const { activeRunId, headSequence: afterSequence } = await engine.getSession(key);
  const result = { toolCallId, content, ...(error !== undefined && { error }) };
  const { runId } = await engine.tools.submit(key, result);
  if (runId === "") return { disposition: "done", runId, afterSequence };
  return { disposition: runId === activeRunId ? "steered" : "started", runId, afterSequence };
}

function control(engine: Engine, key: ChatKey, { action, runId }: ChatControl): Promise<ChatOutcome> {
  switch (action) {
    case Action.PAUSE:
      return engine.chats.setPaused(key, true, runId);
    case Action.RESUME:
      return engine.chats.setPaused(key, false, runId);
    case Action.RESET:
      return engine.chats.reset(key);
    default:
      return engine.chats.cancel(key, runId);
  }
}

function readSettings({ agentId, mode, tools, context, forwardedProps }: ChatSettings) {
  return {
    agentId,
    mode: mode === ChatMode.STEER ? ("steer" as const) : ("queue" as const),
    ...(tools.length > 0 && { tools: tools.map(toolFromMessage) }),
    ...(context.length > 0 && { context: context.map(contextFromMessage) }),
    ...(forwardedProps && { forwardedProps: readValue(forwardedProps, "forwarded_props") }),
  };
}

/** Reads a message by AG-UI's rules; one without an id gets one. */
function readMessage(proto: MessageProto): Message {
  const given = proto.id === "" ? { ...proto, id: newId() } : proto;
  let message: Message;
  try {
    message = messageFromProto(given);
  } catch (error) {
    const why = error instanceof Error ? error.message : "cannot be read";
    throw invalidInput([{ path: "/message", message: why, rule: "unreadable" }]);
  }
  const problems = checkRunAgentInput({ threadId: "chat", runId: "chat", messages: [message] });
  if (problems.length > 0) {
    throw invalidInput(
      problems.map((one) => ({ ...one, path: one.path.replace(/^\/messages\/0/, "/message") })),
    );
  }
  if (saidRoles.has(message.role)) return message;
  const roles = "must be user, developer or system: results of tools are sent as tool_result";
  throw invalidInput([{ path: "/message/role", message: roles, rule: "in" }]);
}
