import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorReason } from "@dragoman/contract/agent/v1/error_reason_pb";
import { BadRequestSchema } from "@dragoman/contract/google/rpc/error_details_pb";
import { expect, test } from "vitest";
import { errorInfoOf, errorReasonOf, reasonError } from "./index.ts";

test("an error carries its reason, metadata and further details", () => {
  const error = reasonError(Code.FailedPrecondition, "RUN_ACTIVE", "The session has an active run.", {
    metadata: { session_id: "s", run_id: "r", count: 3n },
    details: [{ desc: BadRequestSchema, value: { fieldViolations: [{ field: "a" }] } }],
  });
  expect(error.code).toBe(Code.FailedPrecondition);
  expect(error.rawMessage).toBe("The session has an active run.");
  expect(errorReasonOf(error)).toBe("RUN_ACTIVE");
  expect(errorInfoOf(error)?.metadata).toEqual({ session_id: "s", run_id: "r", count: "3" });
  expect(errorInfoOf(error)?.domain).toBe("dragoman");
  expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe("a");
});

test("a reason may be given as the enum's number", () => {
  expect(errorReasonOf(reasonError(Code.NotFound, ErrorReason.RUN_NOT_FOUND, "m"))).toBe("RUN_NOT_FOUND");
});

test("lone surrogates cannot break the encoding of an error", () => {
  const error = reasonError(Code.NotFound, "PATH_NOT_FOUND", "a\ud800b", { metadata: { path: "\udfff" } });
  expect(error.rawMessage).toBe("a\ufffdb");
  expect(errorInfoOf(error)?.metadata.path).toBe("\ufffd");
});

test("values that are no error of the contract have no reason", () => {
  expect(errorReasonOf(new Error("x"))).toBeUndefined();
  expect(errorReasonOf(new ConnectError("x", Code.Internal))).toBeUndefined();
  expect(errorReasonOf(undefined)).toBeUndefined();
});
