import { create } from "@bufbuild/protobuf";
import { Code, type HandlerContext } from "@connectrpc/connect";
import {
  type ChatInit,
  type StreamingChatRequest,
  type StreamingChatResponse,
  StreamingChatResponseSchema,
} from "@dragoman/contract/orchestrator/v1/chat_service_pb";
import { type ChatStatus, newId, type OpenChat } from "@dragoman/engine";
import { batchOf, reasonError } from "@dragoman/rpc";
import { attachOptions } from "../agui-service.ts";
import { attachmentItems } from "../attach-stream.ts";
import { toConnectError } from "../errors.ts";
import { merge } from "../merge.ts";
import type { CompleteOptions } from "../options.ts";
import { readValue } from "../read-value.ts";
import { attachModeName } from "../run-service.ts";
import type { CheckInput } from "./check-input.ts";
import { DueStatuses } from "./due-statuses.ts";
import { type ChatKey, takeInput } from "./inputs.ts";
import { acceptedMessage, rejectedMessage, statusMessage } from "./to-message.ts";

/** One stream of a chat. */
interface ChatStream {
  readonly chat: OpenChat;
  readonly key: ChatKey;
  readonly init: ChatInit;
  readonly requests: AsyncIterator<StreamingChatRequest>;
  readonly context: HandlerContext;
  readonly options: CompleteOptions;
  readonly checkInput: CheckInput;
}

/** Serves one stream of a chat. */
export async function* streamingChat(
  given: AsyncIterable<StreamingChatRequest>,
  context: HandlerContext,
  options: CompleteOptions,
  checkInput: CheckInput,
): AsyncGenerator<StreamingChatResponse> {
  const requests = given[Symbol.asyncIterator]();
  let chat: OpenChat | undefined;
  try {
    const init = await readInit(requests);
    const key = { namespace: options.namespaceOf(context), id: init.chatId || newId() };
    chat = await options.engine.chats.open(key, openOptions(init, context, options));
    const { created, headSequence } = chat;
    const ready = { chatId: key.id, created, headSequence: BigInt(headSequence) };
    yield create(StreamingChatResponseSchema, {
      logId: chat.attachment.logId,
      item: { case: "ready", value: ready },
    });
    yield* converse({ chat, key, init, requests, context, options, checkInput });
  } catch (error) {
    throw toConnectError(error);
  } finally {
    chat?.watch.close();
    chat?.attachment.close();
  }
}

async function readInit(requests: AsyncIterator<StreamingChatRequest>): Promise<ChatInit> {
  const first = await requests.next();
  if (!first.done && first.value.request.case === "init") return first.value.request.value;
  throw invalidRequest("The first request of a chat has to be init: send it before any input.");
}

function openOptions(init: ChatInit, context: HandlerContext, options: CompleteOptions) {
  const { agentId, attachMode, initialState } = init;
  return {
    agentId,
    attach: { ...attachOptions(init, context, options), mode: attachModeName(attachMode) },
    ...(initialState && { initialState: readValue(initialState, "initial_state") }),
  };
}

/** What goes out, or undefined where the chat may stand elsewhere now. */
type Outgoing = StreamingChatResponse | undefined;

/** Takes input and sends events until the client leaves, or has said all and the chat is idle. */
async function* converse(stream: ChatStream): AsyncGenerator<StreamingChatResponse> {
  const { chat, context } = stream;
  const { attachment, watch } = chat;
  let hasSaidAll = false;
  let sent = attachment.prelude ? -1 : attachment.cursor;
  const inputs = takeInputs(stream, () => {
    hasSaidAll = true;
  });
  const events = attachmentItems(StreamingChatResponseSchema, context, attachment, true);
  const isOver = () => hasSaidAll && watch.isIdle && sent >= watch.headSequence;
  const due = new DueStatuses(watch);
  for await (const item of merge<Outgoing>([inputs, events, changes(chat)], isOver)) {
    if (item === undefined) due.note();
    else {
      yield item;
      sent = sequenceOf(item) ?? sent;
    }
    for (const status of due.upTo(sent)) yield statusItem(status);
  }
  due.note(); // the last change may not have been heard of yet
  for (const status of due.upTo(sent)) yield statusItem(status);
}

function statusItem(status: ChatStatus): StreamingChatResponse {
  return create(StreamingChatResponseSchema, { item: { case: "status", value: statusMessage(status) } });
}

/** Up to where everything was sent with an item. */
function sequenceOf(item: StreamingChatResponse): number | undefined {
  const batch = batchOf(item)?.batch;
  if (batch) return batch.lastSequence;
  if (item.item.case === "caughtUp") return Number(item.item.value.sequence);
  return item.sequence === undefined ? undefined : Number(item.sequence);
}

/** Takes one input after the other: the next one is not read before it is decided what becomes of this one. */
async function* takeInputs(stream: ChatStream, onEnd: () => void): AsyncGenerator<Outgoing> {
  const { requests, key, init, options, checkInput } = stream;
  for (let inputNumber = 1; ; inputNumber++) {
    const { done, value } = await requests.next();
    if (done) return onEnd();
    const { request } = value;
    if (request.case !== "input") {
      throw invalidRequest("A chat is opened once: open another stream for another chat.");
    }
    let item: StreamingChatResponse["item"];
    try {
      const taken = await takeInput(options.engine, key, checkInput(request.value), init);
      item = { case: "accepted", value: acceptedMessage(inputNumber, taken) };
    } catch (error) {
      item = { case: "rejected", value: rejectedMessage(inputNumber, error) };
    }
    yield create(StreamingChatResponseSchema, { item });
  }
}

/** Yields whenever it may have changed where the chat stands, and at the beginning. */
async function* changes({ watch }: OpenChat): AsyncGenerator<undefined> {
  for (; !watch.isClosed; await watch.changed()) yield undefined;
}

function invalidRequest(message: string) {
  return reasonError(Code.InvalidArgument, "INVALID_REQUEST", message);
}
