import { create } from "@bufbuild/protobuf";
import { AttachMode } from "@dragoman/contract/orchestrator/v1/cursor_pb";
import { ObserveRunRequestSchema, RunService } from "@dragoman/contract/orchestrator/v1/run_service_pb";
import {
  ObserveSessionRequestSchema,
  SessionService,
} from "@dragoman/contract/orchestrator/v1/session_service_pb";
import type { ExchangeRequest, HttpRoute, ProtocolHost } from "@dragoman/server";
import { chooseForm } from "./accept.ts";
import { parseCursor } from "./cursor.ts";
import { binaryForm, sseForm } from "./form.ts";
import { rewriterFor } from "./peer.ts";
import { attachMode, flag } from "./query.ts";
import { respondWithEvents } from "./respond.ts";

/** `GET` of the events of a session, over all its runs. */
export function observeSessionRoute(host: ProtocolHost, headerDelayMs: number): HttpRoute {
  return {
    method: "GET",
    path: "/sessions/{session_id}/events",
    head: false,
    handle: async (request, { session_id = "" }) => {
      const query = queryOf(request);
      const message = create(ObserveSessionRequestSchema, {
        sessionId: session_id,
        follow: flag(query, "follow"),
        ...place(request, query),
      });
      const readMessage = async () => message;
      const method = SessionService.method.observeSession;
      return respondWithEvents({
        host,
        method,
        request,
        headerDelayMs,
        isEmpty204: true,
        readMessage,
        ...writing(request, query, host),
      });
    },
  };
}

/** `GET` of the events of one run. */
export function observeRunRoute(host: ProtocolHost, headerDelayMs: number): HttpRoute {
  return {
    method: "GET",
    path: "/sessions/{session_id}/runs/{run_id}/events",
    head: false,
    handle: async (request, { session_id = "", run_id = "" }) => {
      const query = queryOf(request);
      const message = create(ObserveRunRequestSchema, {
        sessionId: session_id,
        runId: run_id,
        ...place(request, query),
      });
      const readMessage = async () => message;
      const method = RunService.method.observeRun;
      return respondWithEvents({
        host,
        method,
        request,
        headerDelayMs,
        readMessage,
        ...writing(request, query, host),
      });
    },
  };
}

function queryOf(request: ExchangeRequest): URLSearchParams {
  return new URL(request.url).searchParams;
}

/** Where to begin. A browser that reconnects repeats the URL and adds Last-Event-ID: so that one wins. */
function place(request: ExchangeRequest, query: URLSearchParams) {
  const lastEventId = request.exchange.header("last-event-id");
  const given = lastEventId || query.get("after");
  const cursor = given ? parseCursor(given) : undefined;
  const mode = lastEventId ? AttachMode.TAIL : attachMode(query);
  return {
    mode: mode ?? AttachMode.UNSPECIFIED,
    ...(cursor && { afterSequence: cursor.sequence, logId: cursor.logId }),
  };
}

/** How to write. Who asks for a log over HTTP is of today, unless the URL says otherwise. */
function writing(request: ExchangeRequest, query: URLSearchParams, host: ProtocolHost) {
  const version = query.get("protocolVersion");
  const rewrite = version === null ? undefined : rewriterFor(version, host.log);
  const binary = chooseForm(request.exchange.header("accept")) === "binary" && rewrite === undefined;
  return { form: binary ? binaryForm : sseForm, rewrite };
}
