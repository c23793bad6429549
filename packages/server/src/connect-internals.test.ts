import * as connectProtocol from "@connectrpc/connect/protocol";
import { expect, test } from "vitest";
import packageJson from "../node_modules/@connectrpc/connect/package.json" with { type: "json" };
import * as internals from "./connect-internals.ts";

test("every private export that is relied on exists in the pinned version", () => {
  expect(packageJson.version).toBe("2.2.0");
  for (const [name, value] of Object.entries(internals)) {
    expect([name, value]).toEqual([name, expect.anything()]);
  }
  expect(Object.keys(internals).sort()).toMatchInlineSnapshot(`
    [
      "assertByteStreamRequest",
      "codeFromString",
      "codeToHttpStatus",
      "codeToString",
      "compressedFlag",
      "compressionNegotiate",
      "connectStreamContentType",
      "connectStreamJson",
      "connectStreamProto",
      "contentTypeMatcher",
      "createAsyncIterable",
      "createConnectHandlerFactory",
      "createConnectTransport",
      "createEndStreamSerialization",
      "createMethodSerializationLookup",
      "createMethodUrl",
      "createUniversalHandlerClient",
      "encodeEnvelope",
      "endStreamFlag",
      "errorToJson",
      "grpcContentType",
      "grpcJson",
      "grpcProto",
      "grpcWebContentType",
      "grpcWebJson",
      "grpcWebProto",
      "parseConnectContentType",
      "parseConnectTimeout",
      "parseGrpcContentType",
      "parseGrpcTimeout",
      "parseGrpcWebContentType",
      "pipe",
      "setTrailerStatus",
      "trailerFlag",
      "trailerSerialize",
      "transformDecompressEnvelope",
      "transformParseEnvelope",
      "transformSplitEnvelope",
      "uResponseMethodNotAllowed",
      "uResponseUnsupportedMediaType",
      "uResponseVersionNotSupported",
      "validateUniversalHandlerOptions",
    ]
  `);
  expect(internals.pipe).toBe(connectProtocol.pipe);
});
