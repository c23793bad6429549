/**
 * Every export of `@connectrpc/connect` that its authors mark as private, in one place.
 *
 * They do not follow semantic versioning, so the version is pinned and a test imports each of them.
 * Nothing else in this package imports from the `/protocol*` subpaths.
 */
export {
  assertByteStreamRequest,
  type Compression,
  compressedFlag,
  compressionNegotiate,
  contentTypeMatcher,
  createAsyncIterable,
  createMethodSerializationLookup,
  createMethodUrl,
  createUniversalHandlerClient,
  encodeEnvelope,
  type MethodSerializationLookup,
  type ProtocolHandlerFactory,
  pipe,
  transformDecompressEnvelope,
  transformParseEnvelope,
  transformSplitEnvelope,
  type UniversalHandler,
  type UniversalHandlerFn,
  type UniversalHandlerOptions,
  type UniversalServerRequest,
  type UniversalServerResponse,
  uResponseMethodNotAllowed,
  uResponseUnsupportedMediaType,
  uResponseVersionNotSupported,
  validateUniversalHandlerOptions,
} from "@connectrpc/connect/protocol";

export {
  codeFromString,
  codeToHttpStatus,
  codeToString,
  contentTypeStreamJson as connectStreamJson,
  contentTypeStreamProto as connectStreamProto,
  contentTypeStreamRegExp as connectStreamContentType,
  createEndStreamSerialization,
  createHandlerFactory as createConnectHandlerFactory,
  createTransport as createConnectTransport,
  endStreamFlag,
  errorToJson,
  parseContentType as parseConnectContentType,
  parseTimeout as parseConnectTimeout,
} from "@connectrpc/connect/protocol-connect";

export {
  contentTypeJson as grpcJson,
  contentTypeProto as grpcProto,
  contentTypeRegExp as grpcContentType,
  parseContentType as parseGrpcContentType,
  parseTimeout as parseGrpcTimeout,
  setTrailerStatus,
} from "@connectrpc/connect/protocol-grpc";

export {
  contentTypeJson as grpcWebJson,
  contentTypeProto as grpcWebProto,
  contentTypeRegExp as grpcWebContentType,
  parseContentType as parseGrpcWebContentType,
  trailerFlag,
  trailerSerialize,
} from "@connectrpc/connect/protocol-grpc-web";
