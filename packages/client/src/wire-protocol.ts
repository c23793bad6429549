import { Code, ConnectError } from "@connectrpc/connect";
import {
  requestHeader as connectRequestHeader,
  validateResponse as connectValidateResponse,
  endStreamFlag,
  endStreamFromJson,
  errorFromJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import {
  requestHeader as grpcRequestHeader,
  validateResponse as grpcValidateResponse,
  validateTrailer,
} from "@connectrpc/connect/protocol-grpc";
import {
  requestHeader as grpcWebRequestHeader,
  validateResponse as grpcWebValidateResponse,
  trailerFlag,
  trailerParse,
} from "@connectrpc/connect/protocol-grpc-web";

/** The name of an RPC wire. */
export type ProtocolName = "grpc" | "grpc-web" | "connect";

/** What differs between the RPC wires for the caller of a server-streaming method. */
export interface WireProtocol {
  /** Makes the header of the request from that of the caller. */
  requestHeader(header: Headers, timeoutMs: number | undefined): Headers;
  /**
   * Checks the head of the response.
   *
   * @returns whether the status is already here, so that nothing else has to come.
   * @throws {ConnectError} if it is not a response of this wire or says that the call failed.
   */
  checkHeader(status: number, header: Headers): boolean;
  /** The flag of the envelope that ends the stream; 0 where the trailers of HTTP end it. */
  readonly endFlag: number;
  /**
   * Reads the envelope that ends the stream.
   *
   * @throws {ConnectError} the status of the call, unless it is OK.
   */
  readEnd(message: Uint8Array, header: Headers): void;
  /**
   * Reads the trailers of HTTP.
   *
   * @returns whether they hold a status.
   * @throws {ConnectError} the status of the call, unless it is OK.
   */
  readTrailer(trailer: Headers, header: Headers): boolean;
}

const statusHeader = "grpc-status";

const grpc: WireProtocol = {
  requestHeader: (header, timeoutMs) => grpcRequestHeader(true, timeoutMs, header),
  checkHeader(status, header) {
    const { foundStatus, headerError } = grpcValidateResponse(status, header);
    if (headerError !== undefined) throw headerError;
    return foundStatus;
  },
  endFlag: 0,
  readEnd() {},
  readTrailer(trailer, header) {
    if (!trailer.has(statusHeader)) return false;
    validateTrailer(trailer, header);
    return true;
  },
};

const grpcWeb: WireProtocol = {
  requestHeader: (header, timeoutMs) => grpcWebRequestHeader(true, timeoutMs, header, false),
  checkHeader(status, header) {
    const { foundStatus, headerError } = grpcWebValidateResponse(status, header);
    if (headerError !== undefined) throw headerError;
    return foundStatus;
  },
  endFlag: trailerFlag,
  readEnd: (message, header) => validateTrailer(trailerParse(message), header),
  readTrailer: () => false,
};

const connect: WireProtocol = {
  requestHeader: (header, timeoutMs) =>
    connectRequestHeader("server_streaming", true, timeoutMs, header, false),
  checkHeader(status, header) {
    connectValidateResponse("server_streaming", true, status, header);
    return false;
  },
  endFlag: endStreamFlag,
  readEnd(message) {
    const { error } = endStreamFromJson(message);
    if (error !== undefined) throw error;
  },
  readTrailer: () => false,
};

/** The wires by name. */
export const wireProtocols: { readonly [name in ProtocolName]: WireProtocol } = {
  grpc,
  "grpc-web": grpcWeb,
  connect,
};

/**
 * Makes the best of a response that is no RPC response: servers and gateways in front of them say in a JSON
 * body what they refuse.
 */
export function refineHttpError(error: ConnectError, body: Uint8Array): ConnectError {
  const refined = new ConnectError(error.rawMessage, error.code, error.metadata);
  try {
    return errorFromJsonBytes(body, undefined, refined);
  } catch {
    return error;
  }
}

/** The stream ended without saying how: whatever is missing may exist, so it is worth a new attempt. */
export function truncated(detail: string): ConnectError {
  return new ConnectError(`the stream was cut before its end: ${detail}`, Code.Unavailable);
}
