import type { LookupAddress } from "node:dns";
import { lookup as systemLookup } from "node:dns/promises";
import type { LookupFunction } from "node:net";
import { type AddressBytes, parseAddress } from "./address.ts";
import { type SpecialAddress, specialKindOf } from "./address-kind.ts";
import { type AllowRule, allowsAddress, allowsName, parseAllowRule } from "./allow-rule.ts";
import { EgressError } from "./errors.ts";
import { type Host, isLocalhost, portOf, readHost, readPort, shown } from "./host.ts";
import { createLookup } from "./lookup.ts";
import { addressRefused } from "./refusal.ts";

/** Finds the addresses of a name. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

/** What a policy is made of. */
export interface EgressPolicyOptions {
  /**
   * What may be reached although it is not public: host names, `*.example.com` for the names below one, IP addresses
   * and CIDR ranges, each with `:port` or for all ports. A name stands for its private and loopback addresses; any
   * other address, such as a link-local one, has to be listed itself. Default nothing.
   */
  readonly allow?: readonly string[] | undefined;
  /** Whether loopback addresses may be reached. Right where the server itself listens on loopback only. */
  readonly allowLoopback: boolean;
  /** How names are resolved. Default the system's way, as `dns.lookup` does. */
  readonly resolve?: Resolve | undefined;
  /** What operators call `allow`, for messages. Default `allow`. */
  readonly optionName?: string | undefined;
}

/** Decides what may be reached. Public addresses may; the others only where the operator says so. */
export interface EgressPolicy {
  /**
   * Checks what can be checked without DNS: http or https, no user name or password, and a host that is no refused
   * address. Returns the URL to use. Throws `EgressError`. Whoever connects has to use `lookupFor` as well.
   */
  checkUrl(url: string | URL): URL;
  /**
   * Checks a host and port without DNS and returns the host to connect to, an address without brackets. Needed before
   * every connection, as Node asks no lookup function about addresses. Throws `EgressError`.
   */
  checkHost(host: string, port: number): string;
  /**
   * Resolves a host and returns those of its addresses that may be reached. Throws `EgressError` where there are none,
   * and what the resolver throws.
   */
  resolve(host: string, port?: number): Promise<LookupAddress[]>;
  /**
   * In place of `dns.lookup` for `net`, `tls`, `http` and `http2`: gives only addresses that may be reached, and so
   * connects to none that was not checked, whatever DNS answers the next time. Rules with a port do not count here.
   */
  readonly lookup: LookupFunction;
  /** As `lookup`, for connections to this port, so that rules with that port count. */
  lookupFor(port: number): LookupFunction;
}

/** Makes a policy. Throws `TypeError` for an entry of `allow` that cannot be right. */
export function createEgressPolicy(options: EgressPolicyOptions): EgressPolicy {
  const rules = (options.allow ?? []).map(parseAllowRule);
  const policy: Decision = {
    rules,
    allowLoopback: options.allowLoopback,
    optionName: options.optionName ?? "allow",
  };
  const ask = options.resolve ?? ((host) => systemLookup(host, { all: true }));
  const resolve = (text: string, port?: number) => resolveHost(policy, ask, text, port);
  return {
    checkUrl: (url) => checkUrl(policy, url),
    checkHost: (host, port) => checkHost(policy, readHost(host), readPort(port, host)),
    resolve,
    lookup: createLookup((host) => resolve(host)),
    lookupFor: (port) => createLookup((host) => resolve(host, port)),
  };
}

/** What decides about an address. */
interface Decision {
  readonly rules: readonly AllowRule[];
  readonly allowLoopback: boolean;
  readonly optionName: string;
}

function checkUrl(policy: Decision, text: string | URL): URL {
  const url = URL.parse(text);
  if (url === null)
    throw new EgressError("INVALID_TARGET", "The URL cannot be read. Give it whole, with https://.");
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    const message = `Only http and https URLs can be reached, this one begins with ${shown(url.protocol)}.`;
    throw new EgressError("INVALID_TARGET", message);
  }
  const host = readHost(url.hostname);
  if (url.username !== "" || url.password !== "") {
    const message = "The URL must not hold a user name or password: send them in the authorization header.";
    throw new EgressError("INVALID_TARGET", message, { host: host.name });
  }
  checkHost(policy, host, readPort(portOf(url), host.name));
  return url;
}

function checkHost(policy: Decision, host: Host, port: number): string {
  const known = knownAddresses(host);
  const refused = known.map((address) => refusalOf(policy, host, address, port));
  const first = refused[0];
  if (first !== undefined && !refused.includes(undefined)) {
    throw addressRefused(
      first,
      host,
      port,
      policy.optionName,
      host.address === undefined ? undefined : host.name,
    );
  }
  return host.name;
}

async function resolveHost(
  policy: Decision,
  ask: Resolve,
  text: string,
  port: number | undefined,
): Promise<LookupAddress[]> {
  const host = readHost(text);
  const found = host.address === undefined ? await ask(host.name) : [{ address: host.name }];
  const allowed: LookupAddress[] = [];
  let firstRefused: { readonly special: SpecialAddress; readonly address: string } | undefined;
  for (const { address } of found) {
    const bytes = parseAddress(address);
    if (bytes === undefined) throw notAnAddress(host);
    const special = refusalOf(policy, host, bytes, port);
    if (special === undefined) allowed.push({ address, family: address.includes(":") ? 6 : 4 });
    else firstRefused ??= { special, address };
  }
  if (allowed.length > 0) return allowed;
  if (firstRefused === undefined) {
    throw new EgressError("UNREACHABLE", `${shown(host.name)} has no address.`, { host: host.name });
  }
  throw addressRefused(firstRefused.special, host, port, policy.optionName, firstRefused.address);
}

/** What is known about a host's addresses without DNS. */
function knownAddresses(host: Host): AddressBytes[] {
  if (host.address !== undefined) return [host.address];
  return isLocalhost(host.name) ? [parseAddress("127.0.0.1")!, parseAddress("::1")!] : [];
}

/** Why an address is refused, or undefined where it may be reached. */
function refusalOf(
  policy: Decision,
  host: Host,
  address: AddressBytes,
  port: number | undefined,
): SpecialAddress | undefined {
  const special = specialKindOf(address);
  if (special === undefined) return undefined;
  const isOrdinary = special.embedded === undefined;
  if (isOrdinary && special.kind === "loopback" && policy.allowLoopback) return undefined;
  if (policy.rules.some((rule) => allowsAddress(rule, address, port))) return undefined;
  const isByName = isOrdinary && (special.kind === "loopback" || special.kind === "private");
  if (isByName && policy.rules.some((rule) => allowsName(rule, host, port))) return undefined;
  return special;
}

function notAnAddress(host: Host): EgressError {
  const message = `The name ${shown(host.name)} was resolved to something that is no IP address.`;
  return new EgressError("UNREACHABLE", message, { host: host.name });
}
