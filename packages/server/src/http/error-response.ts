import { createRegistry } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "@dragoman/contract/google/rpc/error_details_pb";
import { errorInfoOf } from "@dragoman/rpc";
import { setGrpcStatus } from "../call/grpc-status.ts";
import {
  codeToHttpStatus,
  createAsyncIterable,
  errorToJson,
  type UniversalServerResponse,
} from "../connect-internals.ts";

const jsonOptions = {
  registry: createRegistry(ErrorInfoSchema, BadRequestSchema, RetryInfoSchema, ResourceInfoSchema),
};

/** Options that make error details readable in JSON. */
export function errorJsonOptions() {
  return jsonOptions;
}

/**
 * Makes the response for a call that no protocol handler took.
 *
 * HTTP clients get `{code, message, details}` as Connect writes errors, gRPC clients a status.
 * `status` is the HTTP status where the code's own would say less.
 */
export function errorResponse(
  error: ConnectError,
  options: {
    readonly contentType?: string | undefined;
    readonly status?: number;
    readonly headers?: HeadersInit;
  } = {},
): UniversalServerResponse {
  const header = new Headers(options.headers);
  if (/^application\/grpc(\+|;|$)/i.test(options.contentType ?? "")) {
    header.set("content-type", "application/grpc");
    return { status: 200, header: setGrpcStatus(header, error) };
  }
  header.set("content-type", "application/json");
  const body = new TextEncoder().encode(`${JSON.stringify(errorToJson(error, jsonOptions))}\n`);
  header.set("content-length", String(body.length));
  return {
    status: options.status ?? httpStatusOf(error),
    header,
    body: createAsyncIterable([body]),
  };
}

function httpStatusOf(error: ConnectError): number {
  const info = errorInfoOf(error);
  if (info?.reason === "LIMIT_REACHED" && info.metadata.limit === "readMaxBytes") {
    return 413;
  }
  return codeToHttpStatus(error.code);
}
