import type { Duration } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { contextFromMessage, messageToProto, toolFromMessage } from "@dragoman/agui";
import {
  type CreateSessionRequest,
  ObserveSessionResponseSchema,
  type SessionService,
} from "@dragoman/contract/orchestrator/v1/session_service_pb";
import { newId, type SessionOptions } from "@dragoman/engine";
import { attachOptions } from "./agui-service.ts";
import { attachStream } from "./attach-stream.ts";
import { mapErrors } from "./errors.ts";
import { messagePage } from "./message-page.ts";
import type { CompleteOptions } from "./options.ts";
import { readStruct, readValue } from "./read-value.ts";
import { attachModeName } from "./run-service.ts";
import { sessionMessage, sessionStateName, sessionViewMessage } from "./to-message.ts";

/** Serves orchestrator.v1.SessionService on an engine. */
export function createSessionService(options: CompleteOptions): ServiceImpl<typeof SessionService> {
  const { engine, namespaceOf } = options;
  return {
    createSession: (request, context) =>
      mapErrors(async () => {
        const key = { namespace: namespaceOf(context), id: request.sessionId || newId() };
        const initialState = request.initialState && readValue(request.initialState, "initial_state");
        return {
          session: sessionViewMessage(await engine.createSession(key, optionsOf(request), initialState)),
        };
      }),
    getSession: (request, context) =>
      mapErrors(async () => {
        const key = { namespace: namespaceOf(context), id: request.sessionId };
        return { session: sessionViewMessage(await engine.getSession(key)) };
      }),
    listSessions: (request, context) =>
      mapErrors(async () => {
        const state = sessionStateName(request.state);
        const page = await engine.listSessions({
          namespace: namespaceOf(context),
          pageSize: request.pageSize,
          pageToken: request.pageToken,
          agentId: request.agentId,
          ...(state && { state }),
        });
        return {
          sessions: page.items.map((info) => sessionMessage(info)),
          nextPageToken: page.nextPageToken,
        };
      }),
    endSession: (request, context) =>
      mapErrors(async () => {
        const key = { namespace: namespaceOf(context), id: request.sessionId };
        return { session: sessionViewMessage(await engine.endSession(key, request.dropState)) };
      }),
    observeSession: (request, context) =>
      attachStream(ObserveSessionResponseSchema, context, () => {
        const key = { namespace: namespaceOf(context), id: request.sessionId };
        const attach = { ...attachOptions(request, context, options), mode: attachModeName(request.mode) };
        return engine.observeSession(key, attach, request.follow);
      }),
    listMessages: (request, context) =>
      mapErrors(async () => {
        const key = { namespace: namespaceOf(context), id: request.sessionId };
        return engine.readMessages(key, (history, headSequence) => {
          const { messages, nextPageToken } = messagePage(history, request);
          const listed = messages.map(messageToProto);
          return { messages: listed, nextPageToken, headSequence: BigInt(headSequence) };
        });
      }),
  };
}

/** The options of a session, with times rounded up: a time that is set is never none. */
function optionsOf(request: CreateSessionRequest): SessionOptions {
  const { options, tools, context } = request;
  return {
    ...(tools.length > 0 && { tools: tools.map(toolFromMessage) }),
    ...(context.length > 0 && { context: context.map(contextFromMessage) }),
    ...(options?.expireAfter && { expireAfterMs: msOf(options.expireAfter) }),
    ...(options?.idleTimeout && { idleTimeoutMs: msOf(options.idleTimeout) }),
    ...(options?.retention && { retentionMs: msOf(options.retention) }),
    ...(options && options.messageCountMax > 0 && { messageCountMax: options.messageCountMax }),
    ...(options?.metadata && { metadata: readStruct(options.metadata, "options.metadata") }),
  };
}

function msOf({ seconds, nanos }: Duration): number {
  return Number(seconds) * 1_000 + Math.ceil(nanos / 1_000_000);
}
