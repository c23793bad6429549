import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";

/** Where a server is reached, as far as it knows. */
export interface OwnAddress {
  /** What it listens on. */
  readonly host: string;
  readonly port: number;
  /** Names that it is called by. */
  readonly names: readonly string[];
}

/** Whether a host, a name or an address, and a port are a server's own. */
export function isOwnAddress(own: OwnAddress, host: string, port: number): boolean {
  if (port !== own.port) return false;
  if (isIP(host) === 0) return host === own.host || own.names.includes(host);
  const listed = new BlockList();
  for (const address of ownAddresses(own.host)) listed.addAddress(address, familyOf(address));
  if (isEverywhere(own.host)) listed.addSubnet("127.0.0.0", 8);
  return listed.check(host, familyOf(host));
}

function ownAddresses(host: string): string[] {
  if (host === "localhost") return ["127.0.0.1", "::1"];
  if (!isEverywhere(host)) return isIP(host) === 0 ? [] : [host];
  const here = Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []);
  return [host, "::1", ...here];
}

/** Whether a server that listens on this host does so on all addresses of its machine. */
function isEverywhere(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 4 ? "ipv4" : "ipv6";
}
