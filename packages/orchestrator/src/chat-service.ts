import { create } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  type ChatService,
  type SendChatInputRequest,
  SendChatInputResponseSchema,
} from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import { newId } from "@dragoman/engine";
import { createInputCheck } from "./chat/check-input.ts";
import { takeInput } from "./chat/inputs.ts";
import { streamingChat } from "./chat/streaming-chat.ts";
import { dispositionMessage, statusMessage } from "./chat/to-message.ts";
import { invalidInput, mapErrors } from "./errors.ts";
import type { CompleteOptions } from "./options.ts";

/** Serves orchestrator.v1.ChatService on an engine. */
export function createChatService(options: CompleteOptions): ServiceImpl<typeof ChatService> {
  const checkInput = createInputCheck();
  return {
    streamingChat: (requests, context) => streamingChat(requests, context, options, checkInput),
    sendChatInput: (request, context) => mapErrors(() => sendChatInput(request, context, options)),
  };
}

async function sendChatInput(
  request: SendChatInputRequest,
  context: HandlerContext,
  { engine, namespaceOf }: CompleteOptions,
) {
  const { chatId, input } = request;
  if (!input) throw invalidInput([{ path: "/input", message: "is required", rule: "required" }]);
  const key = { namespace: namespaceOf(context), id: chatId || newId() };
  const taken = await takeInput(engine, key, input, request);
  const status = await engine.chats.status(key);
  return create(SendChatInputResponseSchema, {
    chatId: key.id,
    disposition: dispositionMessage(taken.disposition),
    runId: taken.runId,
    messageId: taken.messageId,
    afterSequence: BigInt(taken.afterSequence),
    logId: status.logId,
    status: statusMessage(status),
  });
}
