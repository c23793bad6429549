import { create, toBinary } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { setTrailerStatus } from "../connect-internals.ts";

/** What an error may take of a header block. Common peers refuse blocks of more than 8 KiB. */
const maxMessageLength = 1_000;
const maxDetailBytes = 4_096;

/**
 * Sets grpc-status, grpc-message and grpc-status-details-bin.
 *
 * gRPC's errors travel in headers: a message that is too long is cut, details that do not fit are left
 * out, the last ones first, so that a peer gets the status in any case.
 */
export function setGrpcStatus(target: Headers, error: ConnectError): Headers {
  const headers = setTrailerStatus(target, fitting(error));
  const message = headers.get("grpc-message");
  if (message !== null) headers.set("grpc-message", readable(message));
  return headers;
}

/**
 * gRPC encodes only what is no printable ASCII, and `%`. Peers such as grpc-js leave other characters encoded and would
 * show people "init%3A". Spaces stay as they are: headers lose those at their ends.
 */
function readable(encoded: string): string {
  return encoded.replace(/%(?:2[1-46-9A-F]|[3-6][0-9A-F]|7[0-9A-E])/g, decodeURIComponent);
}

function fitting(error: ConnectError): ConnectError {
  const message = error.rawMessage.slice(0, maxMessageLength).toWellFormed();
  const details: ConnectError["details"] = [];
  let bytes = 0;
  for (const detail of error.details) {
    bytes += sizeOf(detail);
    if (bytes > maxDetailBytes) {
      break;
    }
    details.push(detail);
  }
  if (message === error.rawMessage && details.length === error.details.length) {
    return error;
  }
  const fitted = new ConnectError(message, error.code, error.metadata);
  fitted.details = details;
  return fitted;
}

function sizeOf(detail: ConnectError["details"][number]): number {
  return "desc" in detail
    ? toBinary(detail.desc, create(detail.desc, detail.value)).length
    : detail.value.length;
}
