import { checkHeaders, EgressError } from "@dragoman/egress";
import { EngineError, quote } from "@dragoman/engine";

/** The RPC protocol of an agent host. */
export type EndpointProtocol = "grpc" | "grpc-web" | "connect";

/** One replica of an agent, as it was registered. */
export interface EndpointSpec {
  /** "http://host:port", "https://host:port" or "host:port". */
  readonly target: string;
  readonly protocol: EndpointProtocol;
  /** The agent of that host; empty for its default one. */
  readonly remoteAgentId: string;
  /** Headers of every call, by names in lower case. Values are shown to nobody. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Where a target is. */
export interface Place {
  /** Its origin: what a client connects to, and what tells targets apart. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

/** What the protocols say themselves. */
const protocolHeaders = /^(grpc-|connect-|content-type$|accept$|te$|:)/;

/** Reads a target. Throws INVALID_REQUEST for one that is none; it is not repeated, as it may hold a password. */
export function placeOf(target: string): Place {
  const hasScheme = target.includes("://");
  const url = URL.parse(hasScheme ? target : `http://${target}`);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) throw invalidTarget();
  if (url.username !== "" || url.password !== "") {
    throw new EngineError(
      "INVALID_REQUEST",
      "a target must not hold a user name or password: give credentials as headers of the endpoint",
    );
  }
  const isPlace = url.href === `${url.origin}/` && url.port !== "0";
  if (!isPlace || !(hasScheme || /:\d+$/.test(target))) throw invalidTarget();
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  return { url: url.origin, host: url.hostname, port };
}

/** Checks headers and returns them by names in lower case. Throws INVALID_REQUEST; values are not in its message. */
export function endpointHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  try {
    const checked = checkHeaders(headers);
    const own = Object.keys(checked).find((name) => protocolHeaders.test(name));
    if (own === undefined) return { ...checked };
    throw new EngineError("INVALID_REQUEST", `the header ${quote(own)} is set by the protocol: leave it out`);
  } catch (error) {
    if (!(error instanceof EgressError)) throw error;
    throw new EngineError("INVALID_REQUEST", error.message);
  }
}

/** Whether two specs are of the same replica: what a retry, and a replacement, go by. */
export function isSameReplica(one: EndpointSpec, other: EndpointSpec): boolean {
  return placeOf(one.target).url === placeOf(other.target).url && one.remoteAgentId === other.remoteAgentId;
}

/** Whether two specs say the same. */
export function isSameSpec(one: EndpointSpec, other: EndpointSpec): boolean {
  return isSameReplica(one, other) && one.protocol === other.protocol && isSameHeaders(one, other);
}

function isSameHeaders({ headers: one }: EndpointSpec, { headers: other }: EndpointSpec): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

function invalidTarget(): EngineError {
  return new EngineError(
    "INVALID_REQUEST",
    'a target is "host:port" or a URL such as "https://host:port", with neither path nor query',
  );
}
