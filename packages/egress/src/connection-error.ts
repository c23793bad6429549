import { EgressError, type EgressErrorCode } from "./errors.ts";

/** Says what went wrong between us and a host, in a sentence for people. */
export function connectionError(cause: unknown, host: string): EgressError {
  if (cause instanceof EgressError) return cause;
  const systemCode = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const [code, message] = explain(systemCode, host);
  return new EgressError(code, message, { host, cause });
}

function explain(systemCode: string, host: string): [EgressErrorCode, string] {
  if (systemCode === "HPE_HEADER_OVERFLOW") {
    return ["RESPONSE_TOO_LARGE", `${host} answered with headers that are too large.`];
  }
  if (systemCode.startsWith("HPE_")) {
    return ["INVALID_RESPONSE", `${host} answered with something that is not HTTP.`];
  }
  if (isAboutTls(systemCode)) {
    return ["UNREACHABLE", `No trusted TLS connection to ${host} can be made (${systemCode}).`];
  }
  switch (systemCode) {
    case "ENOTFOUND":
    case "ENODATA":
      return ["UNREACHABLE", `There is no host ${host}.`];
    case "EAI_AGAIN":
      return ["UNREACHABLE", `The name service did not answer for ${host}. Try again later.`];
    case "ECONNREFUSED":
      return ["UNREACHABLE", `${host} refused the connection. Is the service running there?`];
    case "ECONNRESET":
    case "EPIPE":
      return ["UNREACHABLE", `${host} broke the connection before its answer was complete.`];
    default:
      return ["UNREACHABLE", `${host} cannot be reached${systemCode === "" ? "" : ` (${systemCode})`}.`];
  }
}

function isAboutTls(systemCode: string): boolean {
  return systemCode === "EPROTO" || /^ERR_(TLS|SSL)_|CERT|_SIGNATURE$|^HOSTNAME_MISMATCH$/.test(systemCode);
}
