import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "@dragoman/contract/google/rpc/error_details_pb";
import { reasonError } from "@dragoman/rpc";
import { expect, test } from "vitest";
import { setGrpcStatus } from "./grpc-status.ts";

function size(headers: Headers): number {
  let bytes = 0;
  headers.forEach((value, name) => {
    bytes += value.length + name.length;
  });
  return bytes;
}

test("an error that fits is not touched", () => {
  const error = reasonError(Code.NotFound, "RUN_NOT_FOUND", "There is no such run.", {
    metadata: { run_id: "r" },
  });
  const headers = setGrpcStatus(new Headers(), error);
  expect(headers.get("grpc-status")).toBe("5");
  expect(decodeURIComponent(headers.get("grpc-message") ?? "")).toBe("There is no such run.");
  expect(headers.has("grpc-status-details-bin")).toBe(true);
});

test("a message has only those characters encoded that gRPC wants so", () => {
  const text = `first: "a/b", {c} & 100%41 \u00e9\n~`;
  const headers = setGrpcStatus(new Headers(), new ConnectError(text, Code.Internal));
  const message = headers.get("grpc-message") ?? "";
  expect(message).toBe(`first:%20"a/b",%20{c}%20&%20100%2541%20%C3%A9%0A~`);
  expect(decodeURIComponent(message)).toBe(text);
});

test("one that does not loses its last details and the end of its message", () => {
  const fieldViolations = Array.from({ length: 1_000 }, () => ({
    field: "x".repeat(50),
    description: "y".repeat(50),
  }));
  const error = reasonError(Code.InvalidArgument, "INVALID_REQUEST", "z".repeat(10_000), {
    details: [{ desc: BadRequestSchema, value: { fieldViolations } }],
  });
  const headers = setGrpcStatus(new Headers(), error);
  expect(size(headers)).toBeLessThan(8_000);
  expect(Buffer.from(headers.get("grpc-status-details-bin") ?? "", "base64").toString("latin1")).toContain(
    "INVALID_REQUEST",
  );
});

test("what cannot be encoded does not break the status", () => {
  const headers = setGrpcStatus(new Headers(), new ConnectError("a\ud800b", Code.Internal));
  expect(headers.get("grpc-status")).toBe("13");
});
