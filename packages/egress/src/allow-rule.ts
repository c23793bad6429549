import { isIPv4, isIPv6 } from "node:net";
import { type AddressBytes, formatAddress, maskedTo, parseAddress, sharesPrefix } from "./address.ts";
import { type Host, readHost } from "./host.ts";

/** One entry of what the operator allows. Without a port it is for all ports. */
export type AllowRule = { readonly port: number | undefined } & (
  | { readonly kind: "addresses"; readonly base: AddressBytes; readonly bits: number }
  | { readonly kind: "name"; readonly name: string }
  /** `suffix` begins with a dot. */
  | { readonly kind: "subdomains"; readonly suffix: string }
);

/**
 * Reads `name`, `*.name`, an IP address or a CIDR range, each with `:port` or without; an IPv6 address that has a port
 * stands in brackets. Throws `TypeError` for all else, because a rule that matches nothing is a mistake.
 */
export function parseAllowRule(entry: string): AllowRule {
  const [target, port] = splitPort(entry);
  if (target.includes("/")) return { ...addressRange(target, entry), port };
  if (target.includes("%")) throw wrong(entry, "names a zone or has percent signs; leave them out");
  const address = parseAddress(target);
  if (address !== undefined) {
    return { kind: "addresses", base: address, bits: address.length * 8, port };
  }
  return { ...nameRule(target, entry), port };
}

/** Whether a rule is about an address; `port` undefined means that it is not known. */
export function allowsAddress(rule: AllowRule, address: AddressBytes, port: number | undefined): boolean {
  return rule.kind === "addresses" && sharesPrefix(rule.base, address, rule.bits) && isPort(rule, port);
}

/** Whether a rule is about a host's name. */
export function allowsName(rule: AllowRule, { name, address }: Host, port: number | undefined): boolean {
  if (address !== undefined || !isPort(rule, port)) return false;
  return (
    (rule.kind === "name" && rule.name === name) || (rule.kind === "subdomains" && name.endsWith(rule.suffix))
  );
}

function isPort(rule: AllowRule, port: number | undefined): boolean {
  return rule.port === undefined || rule.port === port;
}

function splitPort(entry: string): [target: string, port: number | undefined] {
  if (typeof entry !== "string" || entry.trim() === "") throw wrong(entry, "is empty");
  if (entry.includes("://"))
    throw wrong(entry, "is a URL; give its host, and its port where only that is meant");
  const bracketed = /^\[([^[\]]+)\](?::(.*))?$/.exec(entry);
  if (bracketed !== null) {
    const target = bracketed[1]!;
    if (!isIPv6(target.split("/", 1)[0]!))
      throw wrong(entry, "has something else than an IPv6 address in brackets");
    return [target, bracketed[2] === undefined ? undefined : readRulePort(bracketed[2], entry)];
  }
  const colons = entry.split(":").length - 1;
  if (colons !== 1) return [entry, undefined];
  const [target = "", port = ""] = entry.split(":");
  return [target, readRulePort(port, entry)];
}

function readRulePort(text: string, entry: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw wrong(entry, "has a port that is not from 1 to 65535");
  return port;
}

function addressRange(
  target: string,
  entry: string,
): { kind: "addresses"; base: AddressBytes; bits: number } {
  const [text = "", prefix = "", ...more] = target.split("/");
  const isMapped = isIPv6(text) && parseAddress(text)?.length === 4;
  const base = text.includes("%") ? undefined : parseAddress(text);
  if (base === undefined || more.length > 0) throw wrong(entry, "has no IP address before its slash");
  const longest = isIPv4(text) ? 32 : 128;
  const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (!(bits <= longest) || (isMapped && bits < 96)) {
    throw wrong(entry, `must have a prefix from ${isMapped ? 96 : 0} to ${longest}`);
  }
  const ownBits = isMapped ? bits - 96 : bits;
  const masked = maskedTo(base, ownBits);
  if (masked.some((byte, at) => byte !== base[at])) {
    throw wrong(
      entry,
      `has address bits after its prefix; write ${formatAddress(masked)}/${ownBits} for that range`,
    );
  }
  return { kind: "addresses", base, bits: ownBits };
}

function nameRule(
  target: string,
  entry: string,
): { kind: "name"; name: string } | { kind: "subdomains"; suffix: string } {
  if (target === "*") throw wrong(entry, "names everything; if that is meant, list 0.0.0.0/0 and ::/0");
  const isWildcard = target.startsWith("*.");
  const host = hostOrUndefined(isWildcard ? target.slice(2) : target);
  if (host === undefined) throw wrong(entry, "is no name, address or range");
  if (host.address !== undefined) throw wrong(entry, `is read as the address ${host.name}; write it so`);
  return isWildcard ? { kind: "subdomains", suffix: `.${host.name}` } : { kind: "name", name: host.name };
}

function hostOrUndefined(text: string): Host | undefined {
  try {
    return readHost(text);
  } catch {
    return undefined;
  }
}

function wrong(entry: string, what: string): TypeError {
  return new TypeError(
    `the allowed target ${JSON.stringify(entry)} ${what}. There is: example.com, *.example.com, 10.1.2.3, 10.0.0.0/8, fd00::/8, each also with a port, as in example.com:8080 or [fd00::1]:8080`,
  );
}
