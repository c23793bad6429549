import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";
import {
  assertByteStreamRequest,
  type Compression,
  compressionNegotiate,
  contentTypeMatcher,
  createMethodSerializationLookup,
  createMethodUrl,
  type ProtocolHandlerFactory,
  pipe,
  transformDecompressEnvelope,
  transformParseEnvelope,
  transformSplitEnvelope,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
  uResponseMethodNotAllowed,
  uResponseUnsupportedMediaType,
  uResponseVersionNotSupported,
} from "../connect-internals.ts";
import { errorResponse } from "../http/error-response.ts";
import { headerOf } from "../http/exchange-request.ts";
import { settledOr } from "../settled-or.ts";
import type { CallInput, CallSpec } from "./invoke.ts";
import { OneMessage } from "./one-message.ts";
import { queryMessageProblem } from "./query-message.ts";
import { readOneEnvelope } from "./request-envelope.ts";
import { RpcBody, type RpcFormat } from "./rpc-body.ts";
import { RpcResponse } from "./rpc-response.ts";
import { type CallHost, ServerCall } from "./server-call.ts";
import { shortenTimeout } from "./timeouts.ts";
import { connectWire, grpcWebWire, grpcWire, type Wire } from "./wires.ts";

/** What the handlers of a server share. */
export interface RpcHandlerOptions extends CallHost {
  /** Compressions that messages may come in, and that single responses may go out in. */
  readonly acceptCompression: Compression[];
  /** Makes the handler of unary calls over Connect, which has no envelopes: Connect's own. */
  readonly connectUnary: ProtocolHandlerFactory;
}

/** One method on one wire in one format. */
interface MethodFormat extends RpcFormat {
  readonly parse: (data: Uint8Array) => MessageShape<DescMessage>;
}

/**
 * Makes the handler of an RPC for gRPC, gRPC-Web and Connect.
 *
 * Beside what Connect's own do, it writes ready batches as they are, sends the response headers of a
 * stream without waiting for its first message, holds little while a stream is idle, ends every call at
 * its deadline, and tells a client's mistakes from the server's.
 */
export function createRpcHandler(spec: CallSpec, options: RpcHandlerOptions): UniversalHandler {
  const connectUnary = spec.kind === "unary" ? options.connectUnary(spec) : undefined;
  const formats = formatsOf(
    spec,
    options,
    connectUnary ? [grpcWire, grpcWebWire] : [grpcWire, grpcWebWire, connectWire],
  );
  const handle = async (request: UniversalServerRequest): Promise<UniversalServerResponse> => {
    if (spec.kind === "bidi_streaming" && request.httpVersion.startsWith("1.")) {
      // A client that waits for both directions would hang: closing the connection tells it.
      return { ...uResponseVersionNotSupported, header: new Headers({ connection: "close" }) };
    }
    const contentType = headerOf(request, "content-type");
    const format = request.method === "POST" ? formatOf(formats, contentType) : undefined;
    if (format) {
      return respond(spec, options, format, request);
    }
    if (!(connectUnary?.allowedMethods ?? ["POST"]).includes(request.method)) {
      return uResponseMethodNotAllowed;
    }
    const isConnect = request.method === "GET" || connectUnary?.supportedContentType(contentType);
    if (!connectUnary || !isConnect) {
      return uResponseUnsupportedMediaType;
    }
    const problem = request.method === "GET" ? queryMessageProblem(request) : undefined;
    if (problem) {
      return errorResponse(problem);
    }
    shortenTimeout(request, options.limits.maxTimeoutMs);
    return connectUnary(request);
  };
  const wireTypes = formats.map(({ wire }) => wire.contentType);
  return Object.assign(handle, {
    protocolNames: ["grpc", "grpc-web", "connect"],
    allowedMethods: connectUnary?.allowedMethods ?? ["POST"],
    supportedContentType: contentTypeMatcher(
      ...wireTypes,
      ...(connectUnary ? [connectUnary.supportedContentType] : []),
    ),
    requestPath: createMethodUrl("/", spec.method),
    service: spec.method.parent,
    method: spec.method,
  });
}

function formatsOf(
  spec: CallSpec,
  { limits, log }: RpcHandlerOptions,
  wires: readonly Wire[],
): MethodFormat[] {
  const limit = { readMaxBytes: limits.readMaxBytes, writeMaxBytes: 0xffffffff };
  const io = createMethodSerializationLookup(spec.method, undefined, undefined, limit);
  return wires.flatMap((wire) =>
    [true, false].map((binary) => {
      return { wire, binary, parse: io.getI(binary).parse, serialize: io.getO(binary).serialize, log };
    }),
  );
}

function formatOf(formats: readonly MethodFormat[], contentType: string | null): MethodFormat | undefined {
  return formats.find(({ wire, binary }) => wire.parseContentType(contentType)?.binary === binary);
}

async function respond(
  spec: CallSpec,
  options: RpcHandlerOptions,
  format: MethodFormat,
  request: UniversalServerRequest,
): Promise<UniversalServerResponse> {
  const { wire, binary } = format;
  const { limits } = options;
  const streams = spec.kind === "server_streaming" || spec.kind === "bidi_streaming";
  const timeout = wire.parseTimeout(headerOf(request, wire.timeoutHeader), limits.maxTimeoutMs);
  const compression = negotiate(options, wire, request, streams);
  const responseFields = binary ? wire.responseFields.binary : wire.responseFields.json;
  const call = new ServerCall(options, {
    spec,
    protocolName: wire.protocolName,
    request,
    timeoutMs: timeout.error ? undefined : timeout.timeoutMs,
    responseFields: compression.response
      ? { ...responseFields, [wire.encodingHeader]: compression.response.name }
      : responseFields,
    trailerFields: wire.trailerFields,
  });
  const refused = compression.error ?? timeout.error;
  call.start(async () => {
    if (refused) {
      throw refused;
    }
    return readInput(spec, request, format, compression.request, limits.readMaxBytes);
  });
  const body = new RpcBody(call, format, compression.response);
  const first = body.prefetch();
  await (streams ? settledOr(first, limits.earlyHeadersMs) : first);
  return new RpcResponse(call.context, body, wire.httpTrailers);
}

/** Streams are not compressed: events are small, and their bytes are shared. */
function negotiate(
  options: RpcHandlerOptions,
  wire: Wire,
  request: UniversalServerRequest,
  streams: boolean,
) {
  const requested = headerOf(request, wire.encodingHeader);
  const accepted = streams ? "identity" : headerOf(request, wire.acceptEncodingHeader);
  return compressionNegotiate(options.acceptCompression, requested, accepted, wire.acceptEncodingHeader);
}

async function readInput(
  spec: CallSpec,
  request: UniversalServerRequest,
  { parse }: MethodFormat,
  compression: Compression | null,
  maxBytes: number,
): Promise<CallInput> {
  assertByteStreamRequest(request);
  if (spec.kind === "bidi_streaming" || spec.kind === "client_streaming") {
    return pipe(
      request.body,
      transformSplitEnvelope(maxBytes),
      transformDecompressEnvelope(compression, maxBytes),
      transformParseEnvelope({
        parse: (data) => parseMessage(parse, data),
        serialize: () => new Uint8Array(),
      }),
    );
  }
  return new OneMessage(parseMessage(parse, await readOneEnvelope(request.body, compression, maxBytes)));
}

/** Parses a message; what is none is the client's mistake. */
function parseMessage(parse: MethodFormat["parse"], data: Uint8Array): MessageShape<DescMessage> {
  try {
    return parse(data);
  } catch (error) {
    const message = `The request is not a message of this method: ${ConnectError.from(error).rawMessage}`;
    throw reasonError(Code.InvalidArgument, "INVALID_REQUEST", message, { cause: error });
  }
}
