import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { RunAgentInput } from "@dragoman/agui";
import { AGUIService, RunAgentRequestSchema } from "@dragoman/contract/agent/v1/agui_service_pb";
import { reasonError } from "@dragoman/rpc";
import {
  type ExchangeRequest,
  errorResponse,
  type HttpRoute,
  type PathParameters,
  type ProtocolHost,
  readBody,
} from "@dragoman/server";
import { chooseForm } from "./accept.ts";
import { parseCursor } from "./cursor.ts";
import { binaryForm, sseForm } from "./form.ts";
import { readInput, toMessage } from "./input.ts";
import { rewriterFor } from "./peer.ts";
import { runOptions } from "./query.ts";
import { respondWithEvents } from "./respond.ts";

const jsonContentType = /^application\/json\s*(;\s*charset="?utf-?8"?\s*)?$/i;

/** `POST` of a RunAgentInput: starts a run, or joins it, and streams its events. */
export function runRoute(path: string, host: ProtocolHost, headerDelayMs: number): HttpRoute {
  return {
    method: "POST",
    path,
    async handle(request, parameters) {
      const contentType = request.exchange.header("content-type");
      if (!jsonContentType.test(contentType ?? "")) {
        const message = `A run is posted as application/json, not as "${contentType}".`;
        return errorResponse(reasonError(Code.InvalidArgument, "UNSUPPORTED", message), { status: 415 });
      }
      const input = readInput(await readBody(request, host.limits.readMaxBytes));
      const message = requestMessage(request, parameters, input);
      // A peer of AG-UI 0.x knows too few kinds of events in binary form.
      const rewrite = rewriterFor(input.protocolVersion, host.log);
      const binary = chooseForm(request.exchange.header("accept")) === "binary" && rewrite === undefined;
      return respondWithEvents({
        host,
        method: AGUIService.method.runAgent,
        request,
        form: binary ? binaryForm : sseForm,
        rewrite,
        headerDelayMs,
        readMessage: async () => message,
      });
    },
  };
}

function requestMessage(request: ExchangeRequest, parameters: PathParameters, input: RunAgentInput) {
  const query = new URL(request.url).searchParams;
  const place = request.exchange.header("last-event-id") ?? query.get("after");
  const cursor = place ? parseCursor(place) : undefined;
  return create(RunAgentRequestSchema, {
    input: toMessage(input),
    agentId: parameters.agent_id ?? "",
    ...runOptions(query),
    ...(cursor && { afterSequence: cursor.sequence, logId: cursor.logId }),
  });
}
