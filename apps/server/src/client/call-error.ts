import { Code, ConnectError } from "@connectrpc/connect";
import { errorReasonOf } from "@dragoman/client";
import { exitCodes } from "../exit-codes.ts";
import { CommandError } from "./command-error.ts";

const untrusted: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

const absent: ReadonlySet<string> = new Set([
  "EAI_AGAIN",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "ETIMEDOUT",
]);

/** Turns what a call failed with into what its user is told; what is no error of a call passes. */
export function explainCallError(error: unknown, server: string): unknown {
  if (!(error instanceof ConnectError)) return error;
  const reason = errorReasonOf(error);
  if (reason === "PATH_NOT_FOUND") return notServed(server, error);
  if (reason !== undefined) return new CommandError(`${error.rawMessage} (${reason})`, exitCodes.failed);
  const unreachable = whyUnreachable(error, server);
  return unreachable === undefined
    ? new CommandError(error.rawMessage, exitCodes.failed)
    : new CommandError(unreachable, exitCodes.unavailable);
}

function notServed(server: string, error: ConnectError): CommandError {
  const why = "A bare agent host has no sessions, and with GRPC_ENABLED=false a server has no RPC.";
  return new CommandError(`${server}: ${error.rawMessage} ${why}`, exitCodes.failed);
}

/** Why nothing of the contract answered; undefined if something did. */
function whyUnreachable(error: ConnectError, server: string): string | undefined {
  if (error.code !== Code.Unavailable) return undefined;
  const code = systemCodeOf(error);
  const words = error.rawMessage.replace(/\s+/g, " ").trim();
  if (untrusted.has(code)) {
    return `The certificate of ${server} is signed by nobody that is trusted here. Name its authority with --ca.`;
  }
  if (code.endsWith("CERTIFICATE_REQUIRED")) {
    return `${server} wants a certificate of its clients. Show one with --cert and --key.`;
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID" || code.startsWith("ERR_SSL_") || code === "EPROTO") {
    return `No secure connection to ${server}: ${words}`;
  }
  if (absent.has(code)) {
    return `No server answers at ${server} (${words}). Start one with \`dragoman serve\`, or name another with --server.`;
  }
  const why = server.startsWith("https:")
    ? "It may trust no certificate of ours: show one that it knows with --cert and --key."
    : "If it serves TLS, its address begins with https.";
  return `${server} closed the connection (${words}). ${why}`;
}

/** The code of the system or of TLS that is behind an error; empty if there is none. */
function systemCodeOf(error: ConnectError): string {
  for (let cause: unknown = error.cause; cause instanceof Error; cause = cause.cause) {
    if ("code" in cause && typeof cause.code === "string") return cause.code;
  }
  return "";
}
