import { base64Decode } from "@bufbuild/protobuf/wire";
import { Code, type ConnectError } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";
import type { UniversalServerRequest } from "../connect-internals.ts";

/** What is wrong with the message in the query of a Connect GET; Connect's own handler takes it for our mistake. */
export function queryMessageProblem(request: UniversalServerRequest): ConnectError | undefined {
  const query = new URL(request.url).searchParams;
  if (query.get("base64") !== "1") return undefined;
  try {
    base64Decode(query.get("message") ?? "");
    return undefined;
  } catch (cause) {
    const message = "The query parameter message is not base64, although base64=1 says so.";
    return reasonError(Code.InvalidArgument, "INVALID_REQUEST", message, { cause });
  }
}
