import type { DescMessage, DescMethod, MessageShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import {
  type ExchangeRequest,
  errorResponse,
  type FieldsResponse,
  type ProtocolHost,
  parseConnectTimeout,
  type ServerCall,
  settledOr,
  type UniversalServerResponse,
} from "@dragoman/server";
import { EventBody } from "./event-body.ts";
import { EventWriter } from "./event-writer.ts";
import type { Form } from "./form.ts";
import type { RewriteEvent } from "./peer.ts";

/** How finely the wait for the first item is cut. */
const sliceMs = 50;

/** How one event stream is served. */
export interface StreamOptions {
  readonly host: ProtocolHost;
  readonly method: DescMethod;
  readonly request: ExchangeRequest;
  readonly form: Form;
  readonly rewrite: RewriteEvent | undefined;
  /** How long the headers wait for the first item while nothing blocks it, so that an error can still be a status. */
  readonly headerDelayMs: number;
  /** Whether a stream without any item is answered by 204; otherwise it is an empty body. */
  readonly isEmpty204?: boolean;
  /** Reads the message of the call. */
  readonly readMessage: () => Promise<MessageShape<DescMessage>>;
}

/**
 * Calls a method that streams events and responds with them.
 *
 * What goes wrong before the first item is an HTTP status with JSON.
 */
export async function respondWithEvents(options: StreamOptions): Promise<UniversalServerResponse> {
  const { host, form, request } = options;
  const timeout = parseConnectTimeout(request.header.get("connect-timeout-ms"), host.limits.maxTimeoutMs);
  if (timeout.error) {
    return errorResponse(timeout.error);
  }
  const call = host.openStream(options.method, {
    protocolName: form.protocolName,
    request,
    timeoutMs: timeout.timeoutMs,
    responseFields: {
      "content-type": form.contentType,
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
    },
  });
  call.start(async () => one(await options.readMessage()));
  const body = new EventBody(call, new EventWriter(form, options.rewrite));
  const opening = await settledWhileFree(body.open(), options.headerDelayMs);
  if (opening === "nothing" && options.isEmpty204) {
    return { status: 204, header: new Headers({ "cache-control": "no-cache" }) };
  }
  if (typeof opening === "object") {
    return errorResponse(ConnectError.from(opening.error));
  }
  return new EventResponse(call, body);
}

/**
 * Waits for a promise that never rejects, but not longer than `delayMs` of time in which it could have settled: work
 * that lets nothing else run, such as reading a large input, uses up one slice at most.
 */
async function settledWhileFree<T>(promise: Promise<T>, delayMs: number): Promise<T | undefined> {
  for (let leftMs = delayMs; ; leftMs -= sliceMs) {
    const result = await settledOr(promise, Math.min(leftMs, sliceMs));
    if (result !== undefined || leftMs <= sliceMs) {
      return result;
    }
  }
}

async function* one<T>(message: T): AsyncGenerator<T> {
  yield message;
}

class EventResponse implements FieldsResponse {
  readonly status = 200;
  readonly hasTrailers = false;
  readonly body: EventBody;
  readonly #call: ServerCall;

  constructor(call: ServerCall, body: EventBody) {
    this.#call = call;
    this.body = body;
  }

  get header(): Headers {
    return this.#call.context.responseHeader;
  }

  headerFields() {
    return this.#call.context.responseFields();
  }

  trailerFields() {
    return {};
  }
}
