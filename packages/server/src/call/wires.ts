import type { ConnectError } from "@connectrpc/connect";
import {
  connectStreamContentType,
  connectStreamJson,
  connectStreamProto,
  createEndStreamSerialization,
  encodeEnvelope,
  endStreamFlag,
  grpcContentType,
  grpcJson,
  grpcProto,
  grpcWebContentType,
  grpcWebJson,
  grpcWebProto,
  parseConnectContentType,
  parseGrpcContentType,
  parseGrpcWebContentType,
  trailerFlag,
  trailerSerialize,
} from "../connect-internals.ts";
import { errorJsonOptions } from "../http/error-response.ts";
import type { HeaderFields } from "../http/exchange.ts";
import type { CallContext } from "./call-context.ts";
import { setGrpcStatus } from "./grpc-status.ts";
import { connectTimeoutHeader, parseConnectTimeout, parseGrpcTimeout, type Timeout } from "./timeouts.ts";

/** What differs between the three RPC protocols in how a stream travels. */
export interface Wire {
  readonly protocolName: "grpc" | "grpc-web" | "connect";
  readonly contentType: RegExp;
  readonly timeoutHeader: string;
  /** Names the compression of request messages. */
  readonly encodingHeader: string;
  readonly acceptEncodingHeader: string;
  /** Whether the status travels in HTTP trailers. */
  readonly httpTrailers: boolean;
  readonly responseFields: { readonly binary: HeaderFields; readonly json: HeaderFields };
  readonly trailerFields: HeaderFields;
  /** Returns the format of a content type; undefined if the wire does not speak it. */
  parseContentType(value: string | null): { readonly binary: boolean } | undefined;
  parseTimeout(value: string | null, maxTimeoutMs: number): Timeout;
  /** Sets the status, and returns the last piece of the body if the status travels there. */
  end(context: CallContext, error: ConnectError | undefined): Uint8Array | undefined;
}

const statusOk: HeaderFields = { "grpc-status": "0" };
const endOfStream = createEndStreamSerialization(errorJsonOptions());

/** gRPC: the status in HTTP trailers. */
export const grpcWire: Wire = {
  protocolName: "grpc",
  contentType: grpcContentType,
  timeoutHeader: "grpc-timeout",
  encodingHeader: "grpc-encoding",
  acceptEncodingHeader: "grpc-accept-encoding",
  httpTrailers: true,
  responseFields: { binary: { "content-type": grpcProto }, json: { "content-type": grpcJson } },
  trailerFields: statusOk,
  parseContentType: parseGrpcContentType,
  parseTimeout: parseGrpcTimeout,
  end(context, error) {
    if (error) {
      setGrpcStatus(context.responseTrailer, error);
    }
    return undefined;
  },
};

/** gRPC-Web: the trailers as a last envelope. Its base64 form is not served. */
export const grpcWebWire: Wire = {
  protocolName: "grpc-web",
  contentType: grpcWebContentType,
  timeoutHeader: "grpc-timeout",
  encodingHeader: "grpc-encoding",
  acceptEncodingHeader: "grpc-accept-encoding",
  httpTrailers: false,
  responseFields: { binary: { "content-type": grpcWebProto }, json: { "content-type": grpcWebJson } },
  trailerFields: statusOk,
  parseContentType(value) {
    const type = parseGrpcWebContentType(value);
    return type?.text === true ? undefined : type;
  },
  parseTimeout: parseGrpcTimeout,
  end(context, error) {
    if (error) {
      setGrpcStatus(context.responseTrailer, error);
    }
    return encodeEnvelope(trailerFlag, trailerSerialize(context.responseTrailer));
  },
};

/** Connect streams: the status as JSON in a last envelope. */
export const connectWire: Wire = {
  protocolName: "connect",
  contentType: connectStreamContentType,
  timeoutHeader: connectTimeoutHeader,
  encodingHeader: "connect-content-encoding",
  acceptEncodingHeader: "connect-accept-encoding",
  httpTrailers: false,
  responseFields: {
    binary: { "content-type": connectStreamProto },
    json: { "content-type": connectStreamJson },
  },
  trailerFields: {},
  parseContentType(value) {
    const type = parseConnectContentType(value);
    return type?.stream === true ? type : undefined;
  },
  parseTimeout: parseConnectTimeout,
  end(context, error) {
    const metadata = context.responseTrailer;
    return encodeEnvelope(endStreamFlag, endOfStream.serialize({ metadata, ...(error && { error }) }));
  },
};
