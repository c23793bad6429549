import { toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import { contextFromMessage, messageToProto, toolFromMessage } from "@dragoman/agui";
import {
  type CreateSessionRequest,
  ObserveSessionResponseSchema,
  type SessionService,
} from "@dragoman/contract/orchestrator/v1/session_service_pb";
import { invalidPageToken, newId, pageSizeOf, type SessionOptions } from "@dragoman/engine";
import { reasonError } from "@dragoman/rpc";
import { attachOptions } from "./agui-service.ts";
import { attachStream } from "./attach-stream.ts";
import { mapErrors } from "./errors.ts";
import type { CompleteOptions } from "./options.ts";
import { attachModeName } from "./run-service.ts";
import { sessionMessage, sessionStateName, sessionViewMessage } from "./to-message.ts";

/** Serves orchestrator.v1.SessionService on an engine. */
export function createSessionService(options: CompleteOptions): ServiceImpl<typeof SessionService> {
  const { engine, namespaceOf } = options;
  return {
    createSession: (request, context) =>
      mapErrors(async () => {
        const key = { namespace: namespaceOf(context), id: request.sessionId || newId() };
        const initialState = request.initialState && toJson(ValueSchema, request.initialState);
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
        return { sessions: page.items.map(sessionMessage), nextPageToken: page.nextPageToken };
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
        const { messages, headSequence } = await engine.messages(key);
        const wanted = request.allRoles
          ? messages
          : messages.filter(({ role }) => role !== "activity" && role !== "reasoning");
        const start = placeOf(request.pageToken, request.allRoles);
        const end = start + pageSizeOf(request.pageSize);
        return {
          messages: wanted.slice(start, end).map(messageToProto),
          nextPageToken: end < wanted.length ? tokenOf(end, request.allRoles) : "",
          headSequence: BigInt(headSequence),
        };
      }),
  };
}

/** The options of a session. Times are not kept yet, and what is not kept must not be accepted. */
function optionsOf(request: CreateSessionRequest): SessionOptions {
  const { options, tools, context } = request;
  for (const name of ["expireAfter", "idleTimeout", "retention"] as const) {
    if (options?.[name] === undefined) continue;
    throw reasonError(
      Code.Unimplemented,
      "UNSUPPORTED",
      `sessions of this server do not expire: leave options.${name} out`,
      {
        metadata: { field: `options.${name}` },
      },
    );
  }
  return {
    ...(tools.length > 0 && { tools: tools.map(toolFromMessage) }),
    ...(context.length > 0 && { context: context.map(contextFromMessage) }),
    ...(options && options.messageCountMax > 0 && { messageCountMax: options.messageCountMax }),
    ...(options?.metadata && { metadata: options.metadata }),
  };
}

/** The history only grows at its end between pages, or is rewritten as a whole: an index is a place in it. */
function tokenOf(index: number, allRoles: boolean): string {
  return `${allRoles ? "all" : "chat"}.${index}`;
}

function placeOf(token: string, allRoles: boolean): number {
  if (token === "") return 0;
  const [kind, index] = token.split(".");
  const place = Number(index);
  if (kind !== (allRoles ? "all" : "chat") || !Number.isSafeInteger(place) || place < 0)
    throw invalidPageToken();
  return place;
}
