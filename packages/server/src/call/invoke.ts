import { create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import type {
  HandlerContext,
  Interceptor,
  MethodImplSpec,
  StreamRequest,
  StreamResponse,
  UnaryRequest,
  UnaryResponse,
} from "@connectrpc/connect";
import type { CallContext } from "./call-context.ts";
import { OneMessage } from "./one-message.ts";

/** A method with its implementation. */
export type CallSpec = MethodImplSpec;

type Message = MessageShape<DescMessage>;

/** The request messages of a call: exactly one where the method takes one. */
export type CallInput = AsyncIterable<Message>;

/** A call that runs. */
export interface Invocation {
  readonly messages: AsyncIterator<MessageInitShape<DescMessage>>;
  /** Trailers that an interceptor put in place of the call's own; complete after the last message. */
  readonly trailer: Headers | undefined;
}

type CallRequest = UnaryRequest | StreamRequest;
type CallResponse = UnaryResponse | StreamResponse;
type Output = MessageInitShape<DescMessage> | AsyncIterable<MessageInitShape<DescMessage>>;

/**
 * Calls an implementation of any kind through the interceptors and returns its messages.
 *
 * As Connect does it, but without a layer of its own around every message of a stream: the caller
 * normalizes what comes out with {@link normalized}.
 */
export async function invoke(
  spec: CallSpec,
  context: CallContext,
  input: CallInput,
  interceptors: readonly Interceptor[],
): Promise<Invocation> {
  const request = makeRequest(spec, context, spec.kind === "unary" ? await single(input) : input);
  const call = async (seen: CallRequest): Promise<CallResponse> => {
    const output = await callImplementation(spec, seen, contextFor(context, request, seen));
    return makeResponse(spec, context, output);
  };
  const next = interceptors.reduceRight<typeof call>((inner, interceptor) => interceptor(inner), call);
  const response = await next(request);
  const header = replacedHeaders(response, "header");
  if (header) {
    context.replaceResponseHeader(header);
  }
  const messages = response.stream
    ? response.message[Symbol.asyncIterator]()
    : new OneMessage(response.message);
  return { messages, trailer: replacedHeaders(response, "trailer") };
}

/** Makes a full message of what an implementation gives; a full message stays the same object. */
export function normalized(spec: CallSpec, message: MessageInitShape<DescMessage>): Message {
  return create(spec.method.output, message);
}

async function callImplementation(
  spec: CallSpec,
  { message }: CallRequest,
  context: HandlerContext,
): Promise<Output> {
  switch (spec.kind) {
    case "unary":
      return spec.impl(message as Message, context);
    case "client_streaming":
      return spec.impl(message as CallInput, context);
    case "server_streaming":
      return spec.impl(await single(message as CallInput), context);
    case "bidi_streaming":
      return spec.impl(message as CallInput, context);
  }
}

function makeRequest(spec: CallSpec, context: CallContext, message: Message | CallInput): CallRequest {
  return {
    stream: spec.kind !== "unary",
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
  } as CallRequest;
}

function makeResponse(spec: CallSpec, context: CallContext, output: Output): CallResponse {
  const isSingle = spec.kind === "unary" || spec.kind === "client_streaming";
  const message = isSingle ? normalized(spec, output as MessageInitShape<DescMessage>) : output;
  return {
    stream: spec.kind !== "unary",
    message: spec.kind === "client_streaming" ? new OneMessage(message) : message,
    method: spec.method,
    service: spec.method.parent,
    get header() {
      return context.responseHeader;
    },
    get trailer() {
      return context.responseTrailer;
    },
  } as CallResponse;
}

/** The context that an implementation gets: the call's own, unless an interceptor replaced parts of the request. */
function contextFor(context: CallContext, original: CallRequest, seen: CallRequest): HandlerContext {
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
  original: CallRequest,
  seen: CallRequest,
  key: K,
  own: () => CallRequest[K],
): CallRequest[K] | undefined {
  const before = Object.getOwnPropertyDescriptor(original, key);
  const after = Object.getOwnPropertyDescriptor(seen, key);
  const same = seen === original || (after?.get !== undefined && after.get === before?.get);
  return same || seen[key] === own() ? undefined : seen[key];
}

/** The headers of a response, if an interceptor replaced them; the call's own are made on demand. */
function replacedHeaders(response: CallResponse, key: "header" | "trailer"): Headers | undefined {
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
