import { isIPv6 } from "node:net";
import { type AddressBytes, parseAddress } from "./address.ts";
import { EgressError } from "./errors.ts";

/** A host in the one form in which it is compared and connected to. */
export interface Host {
  /** A name in lower case and without a last dot, or an address without brackets. */
  readonly name: string;
  /** Where the host is an address. */
  readonly address: AddressBytes | undefined;
}

const maxNameLength = 253;
const label = /^[a-z0-9_-]{1,63}$/;

/**
 * Reads a host as URLs do, so that all forms of an address come out as that address: `0x7f.1`, `2130706433`,
 * `[::ffff:127.0.0.1]`. Throws `EgressError` for what is no host.
 */
export function readHost(text: string): Host {
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  if (isIPv6(bare)) return { name: bare.toLowerCase(), address: parseAddress(bare) };
  const name = canonicalName(text);
  if (name === undefined) {
    throw new EgressError("INVALID_TARGET", `${shown(text)} is neither a host name nor an IP address.`, {
      host: text,
    });
  }
  return { name, address: parseAddress(name) };
}

/** Returns the port where it is one. Throws `EgressError` where it is none. */
export function readPort(port: number, host: string): number {
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new EgressError(
    "INVALID_TARGET",
    `The port of ${shown(host)} must be from 1 to 65535, it is ${port}.`,
    {
      host,
    },
  );
}

/** The port of an http or https URL. */
export function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "https:" ? 443 : 80;
}

/** Whether a name means the machine itself, whatever DNS says. */
export function isLocalhost(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost");
}

/** A host for a message, shortened. */
export function shown(host: string): string {
  return JSON.stringify(host.length > 100 ? `${host.slice(0, 100)}…` : host);
}

function canonicalName(text: string): string | undefined {
  // What ends the host of a URL cannot be part of one.
  if (/[/\\?#@:[\]\s]/.test(text)) return undefined;
  const hostname = URL.parse(`http://${text}/`)?.hostname;
  const name = hostname?.endsWith(".") ? hostname.slice(0, -1) : hostname;
  if (name === undefined || name.length > maxNameLength) return undefined;
  return name.split(".").every((part) => label.test(part)) ? name : undefined;
}
