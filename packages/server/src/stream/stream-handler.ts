import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { MethodImplSpec } from "@connectrpc/connect";
import {
  assertByteStreamRequest,
  type Compression,
  compressionNegotiate,
  contentTypeMatcher,
  createAsyncIterable,
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
  uResponseUnsupportedMediaType,
} from "../connect-internals.ts";
import { headerOf } from "../http/exchange-request.ts";
import type { FieldsResponse, ResponseBody } from "../http/write-response.ts";
import { settledOr } from "../settled-or.ts";
import type { CallContext } from "./call-context.ts";
import type { StreamSpec } from "./invoke.ts";
import { readOneEnvelope } from "./request-envelope.ts";
import { RpcBody } from "./rpc-body.ts";
import { type CallHost, StreamCall } from "./stream-call.ts";
import type { Wire } from "./wires.ts";

/** What the streaming handlers of a server share. */
export interface StreamHandlerOptions extends CallHost {
  /** Compressions that request messages may come in. Responses are not compressed: events are small and shared. */
  readonly acceptCompression: Compression[];
}

/**
 * Makes the handlers that serve streaming RPCs on one wire.
 *
 * Beside what Connect's own do, they write ready batches as they are, send response headers without
 * waiting for the first message, and hold little while a stream is idle.
 */
export function createStreamHandlerFactory(
  options: StreamHandlerOptions,
  wire: Wire,
): ProtocolHandlerFactory {
  const factory = (spec: MethodImplSpec): UniversalHandler => {
    if (spec.kind !== "server_streaming" && spec.kind !== "bidi_streaming") {
      throw new TypeError(`${spec.method.toString()} does not stream`);
    }
    return Object.assign(createHandler(options, wire, spec), {
      protocolNames: [wire.protocolName],
      allowedMethods: ["POST"],
      supportedContentType: contentTypeMatcher(wire.contentType),
      requestPath: createMethodUrl("/", spec.method),
      service: spec.method.parent,
      method: spec.method,
    });
  };
  factory.protocolName = wire.protocolName;
  return factory;
}

function createHandler(options: StreamHandlerOptions, wire: Wire, spec: StreamSpec) {
  const { limits } = options;
  const limit = { readMaxBytes: limits.readMaxBytes, writeMaxBytes: 0xffffffff };
  const io = createMethodSerializationLookup(spec.method, undefined, undefined, limit);
  return async (request: UniversalServerRequest): Promise<UniversalServerResponse> => {
    const type = wire.parseContentType(headerOf(request, "content-type"));
    if (type === undefined) {
      return uResponseUnsupportedMediaType;
    }
    const timeout = wire.parseTimeout(headerOf(request, wire.timeoutHeader), limits.maxTimeoutMs);
    const compression = negotiate(options, wire, request);
    const call = new StreamCall(options, {
      spec,
      protocolName: wire.protocolName,
      request,
      timeoutMs: timeout.error ? undefined : timeout.timeoutMs,
      responseFields: type.binary ? wire.responseFields.binary : wire.responseFields.json,
      trailerFields: wire.trailerFields,
    });
    const parse = io.getI(type.binary).parse;
    const serialize = io.getO(type.binary).serialize;
    const body = new RpcBody(call, { wire, binary: type.binary, serialize, log: options.log });
    const refused = compression.error ?? timeout.error;
    call.start(async () => {
      if (refused) {
        throw refused;
      }
      return readInput(spec, request, {
        parse,
        compression: compression.request,
        maxBytes: limits.readMaxBytes,
      });
    });
    await settledOr(body.prefetch(), limits.earlyHeadersMs);
    return new RpcResponse(call.context, body, wire.httpTrailers);
  };
}

function negotiate(options: StreamHandlerOptions, wire: Wire, request: UniversalServerRequest) {
  const requested = headerOf(request, wire.encodingHeader);
  return compressionNegotiate(options.acceptCompression, requested, null, wire.acceptEncodingHeader);
}

interface InputOptions {
  readonly parse: (data: Uint8Array) => MessageShape<DescMessage>;
  readonly compression: Compression | null;
  readonly maxBytes: number;
}

async function readInput(spec: StreamSpec, request: UniversalServerRequest, options: InputOptions) {
  assertByteStreamRequest(request);
  const { parse, compression, maxBytes } = options;
  if (spec.kind === "bidi_streaming") {
    return pipe(
      request.body,
      transformSplitEnvelope(maxBytes),
      transformDecompressEnvelope(compression, maxBytes),
      transformParseEnvelope({ parse, serialize: () => new Uint8Array() }),
    );
  }
  return createAsyncIterable([parse(await readOneEnvelope(request.body, compression, maxBytes))]);
}

class RpcResponse implements FieldsResponse {
  readonly status = 200;
  readonly body: ResponseBody;
  readonly trailerFields: FieldsResponse["trailerFields"];
  readonly #context: CallContext;

  constructor(context: CallContext, body: ResponseBody, httpTrailers: boolean) {
    this.#context = context;
    this.body = body;
    this.trailerFields = httpTrailers ? () => context.trailerFields() : undefined;
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
}
