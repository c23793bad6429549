import { create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import type {
  HandlerContext,
  Interceptor,
  MethodImplSpec,
  StreamRequest,
  StreamResponse,
} from "@connectrpc/connect";
import type { CallContext } from "./call-context.ts";

/** A method whose response is a stream, with its implementation. */
export type StreamSpec = Extract<MethodImplSpec, { kind: "server_streaming" | "bidi_streaming" }>;

/** The request messages of a call. */
export type StreamInput = AsyncIterable<MessageShape<DescMessage>>;

/** A call that runs. */
export interface Invocation {
  readonly messages: AsyncIterator<MessageInitShape<DescMessage>>;
  /** Trailers that an interceptor put in place of the call's own; complete after the last message. */
  readonly trailer: Headers | undefined;
}

type AnyFn = ReturnType<Interceptor>;

/**
 * Calls a streaming implementation through the interceptors and returns its messages.
 *
 * As Connect does it, but without a layer of its own around every message: the caller normalizes
 * what comes out with {@link normalized}.
 */
export async function invokeStream(
  spec: StreamSpec,
  context: CallContext,
  input: StreamInput,
  interceptors: readonly Interceptor[],
): Promise<Invocation> {
  const request = streamRequest(spec, context, input);
  const call: AnyFn = async (seen) => {
    const handlerContext = contextFor(context, request, seen as StreamRequest);
    const output =
      spec.kind === "server_streaming"
        ? spec.impl(await single((seen as StreamRequest).message), handlerContext)
        : spec.impl((seen as StreamRequest).message, handlerContext);
    return streamResponse(spec, context, output as AsyncIterable<MessageShape<DescMessage>>);
  };
  const next = interceptors.reduceRight((inner, interceptor) => interceptor(inner), call);
  const response = (await next(request)) as StreamResponse;
  const header = replacedHeaders(response, "header");
  if (header) {
    context.replaceResponseHeader(header);
  }
  return {
    messages: response.message[Symbol.asyncIterator](),
    trailer: replacedHeaders(response, "trailer"),
  };
}

/** Makes a full message of what an implementation yields; a full message stays the same object. */
export function normalized(
  spec: StreamSpec,
  message: MessageInitShape<DescMessage>,
): MessageShape<DescMessage> {
  return create(spec.method.output, message);
}

function streamRequest(
  spec: StreamSpec,
  context: CallContext,
  message: AsyncIterable<MessageShape<DescMessage>>,
): StreamRequest {
  return {
    stream: true,
    message,
    method: spec.method,
    service: spec.method.parent,
    requestMethod: context.requestMethod,
    get url() {
      return context.url;
    },
    get signal() {
      return context.signal;
    },
    get header() {
      return context.requestHeader;
    },
    get contextValues() {
      return context.values;
    },
  };
}

function streamResponse(
  spec: StreamSpec,
  context: CallContext,
  message: AsyncIterable<MessageShape<DescMessage>>,
): StreamResponse {
  return {
    stream: true,
    message,
    method: spec.method,
    service: spec.method.parent,
    get header() {
      return context.responseHeader;
    },
    get trailer() {
      return context.responseTrailer;
    },
  };
}

/** The context that an implementation gets: the call's own, unless an interceptor replaced parts of the request. */
function contextFor(context: CallContext, original: StreamRequest, seen: StreamRequest): HandlerContext {
  const header = replaced(original, seen, "header", () => context.requestHeader);
  const signal = replaced(original, seen, "signal", () => context.signal);
  const values = replaced(original, seen, "contextValues", () => context.values);
  if (header === undefined && signal === undefined && values === undefined) {
    return context;
  }
  return {
    method: context.method,
    service: context.service,
    protocolName: context.protocolName,
    requestMethod: context.requestMethod,
    url: context.url,
    timeoutMs: context.timeoutMs,
    responseHeader: context.responseHeader,
    responseTrailer: context.responseTrailer,
    requestHeader: header ?? context.requestHeader,
    signal: signal ?? context.signal,
    values: values ?? context.values,
  };
}

function replaced<K extends "header" | "signal" | "contextValues">(
  original: StreamRequest,
  seen: StreamRequest,
  key: K,
  own: () => StreamRequest[K],
): StreamRequest[K] | undefined {
  const before = Object.getOwnPropertyDescriptor(original, key);
  const after = Object.getOwnPropertyDescriptor(seen, key);
  const same = seen === original || (after?.get !== undefined && after.get === before?.get);
  return same || seen[key] === own() ? undefined : seen[key];
}

/** The headers of a response, if an interceptor replaced them; the call's own are made on demand. */
function replacedHeaders(response: StreamResponse, key: "header" | "trailer"): Headers | undefined {
  const given: unknown = Object.getOwnPropertyDescriptor(response, key)?.value;
  return given instanceof Headers ? given : undefined;
}

async function single<T>(messages: AsyncIterable<T>): Promise<T> {
  // The protocol handler has made sure that there is exactly one.
  for await (const message of messages) {
    return message;
  }
  throw new TypeError("an interceptor dropped the request message");
}
