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
import { headerOf } from "../http/exchange-request.ts";
import type { FieldsResponse, ResponseBody } from "../http/write-response.ts";
import { settledOr } from "../settled-or.ts";
import type { CallContext } from "./call-context.ts";
import type { StreamInput, StreamSpec } from "./invoke.ts";
import { OneMessage } from "./one-message.ts";
import { readOneEnvelope } from "./request-envelope.ts";
import { RpcBody, type RpcFormat } from "./rpc-body.ts";
import { type CallHost, StreamCall } from "./stream-call.ts";
import { type Wire, wires } from "./wires.ts";

/** What the streaming handlers of a server share. */
export interface StreamHandlerOptions extends CallHost {
  /** Compressions that request messages may come in. Responses are not compressed: events are small and shared. */
  readonly acceptCompression: Compression[];
}

/** One method on one wire in one format. */
interface MethodFormat extends RpcFormat {
  readonly parse: (data: Uint8Array) => MessageShape<DescMessage>;
}

/**
 * Makes the handler of a streaming RPC for gRPC, gRPC-Web and Connect.
 *
 * Beside what Connect's own does, it writes ready batches as they are, sends response headers without
 * waiting for the first message, and holds little while a stream is idle.
 */
export function createStreamHandler(spec: StreamSpec, options: StreamHandlerOptions): UniversalHandler {
  const limit = { readMaxBytes: options.limits.readMaxBytes, writeMaxBytes: 0xffffffff };
  const io = createMethodSerializationLookup(spec.method, undefined, undefined, limit);
  const formats = wires.flatMap((wire) =>
    [true, false].map((binary): MethodFormat => {
      return {
        wire,
        binary,
        parse: io.getI(binary).parse,
        serialize: io.getO(binary).serialize,
        log: options.log,
      };
    }),
  );
  const handle = async (request: UniversalServerRequest): Promise<UniversalServerResponse> => {
    if (spec.kind === "bidi_streaming" && request.httpVersion.startsWith("1.")) {
      // A client that waits for both directions would hang: closing the connection tells it.
      return { ...uResponseVersionNotSupported, header: new Headers({ connection: "close" }) };
    }
    if (request.method !== "POST") {
      return uResponseMethodNotAllowed;
    }
    const format = formatOf(formats, headerOf(request, "content-type"));
    return format ? respond(spec, options, format, request) : uResponseUnsupportedMediaType;
  };
  return Object.assign(handle, {
    protocolNames: wires.map(({ protocolName }) => protocolName),
    allowedMethods: ["POST"],
    supportedContentType: contentTypeMatcher(...wires.map(({ contentType }) => contentType)),
    requestPath: createMethodUrl("/", spec.method),
    service: spec.method.parent,
    method: spec.method,
  });
}

function formatOf(formats: readonly MethodFormat[], contentType: string | null): MethodFormat | undefined {
  for (const wire of wires) {
    const type = wire.parseContentType(contentType);
    if (type) {
      return formats.find((format) => format.wire === wire && format.binary === type.binary);
    }
  }
  return undefined;
}

async function respond(
  spec: StreamSpec,
  options: StreamHandlerOptions,
  format: MethodFormat,
  request: UniversalServerRequest,
): Promise<UniversalServerResponse> {
  const { wire, binary } = format;
  const { limits } = options;
  const timeout = wire.parseTimeout(headerOf(request, wire.timeoutHeader), limits.maxTimeoutMs);
  const compression = negotiate(options, wire, request);
  const call = new StreamCall(options, {
    spec,
    protocolName: wire.protocolName,
    request,
    timeoutMs: timeout.error ? undefined : timeout.timeoutMs,
    responseFields: binary ? wire.responseFields.binary : wire.responseFields.json,
    trailerFields: wire.trailerFields,
  });
  const refused = compression.error ?? timeout.error;
  call.start(async () => {
    if (refused) {
      throw refused;
    }
    return readInput(spec, request, format, compression.request, limits.readMaxBytes);
  });
  const body = new RpcBody(call, format);
  await settledOr(body.prefetch(), limits.earlyHeadersMs);
  return new RpcResponse(call.context, body, wire.httpTrailers);
}

function negotiate(options: StreamHandlerOptions, wire: Wire, request: UniversalServerRequest) {
  const requested = headerOf(request, wire.encodingHeader);
  return compressionNegotiate(options.acceptCompression, requested, null, wire.acceptEncodingHeader);
}

async function readInput(
  spec: StreamSpec,
  request: UniversalServerRequest,
  { parse }: MethodFormat,
  compression: Compression | null,
  maxBytes: number,
): Promise<StreamInput> {
  assertByteStreamRequest(request);
  if (spec.kind === "bidi_streaming") {
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

class RpcResponse implements FieldsResponse {
  readonly status = 200;
  readonly body: ResponseBody;
  readonly hasTrailers: boolean;
  readonly #context: CallContext;

  constructor(context: CallContext, body: ResponseBody, hasTrailers: boolean) {
    this.#context = context;
    this.body = body;
    this.hasTrailers = hasTrailers;
  }

  get header(): Headers {
    return this.#context.responseHeader;
  }

  get trailer(): Headers {
    return this.#context.responseTrailer;
  }

  headerFields() {
    return this.#context.responseFields();
  }

  trailerFields() {
    return this.#context.trailerFields();
  }
}
