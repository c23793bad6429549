import type { AddressKind, SpecialAddress } from "./address-kind.ts";
import { EgressError } from "./errors.ts";
import { type Host, shown } from "./host.ts";

const nameOfKind: Readonly<Record<AddressKind, string>> = {
  loopback: "a loopback address",
  private: "a private address",
  "link-local": "a link-local address",
  platform: "an address of the cloud platform's own services",
  unspecified: "an unspecified address",
  multicast: "a multicast address",
  broadcast: "the broadcast address",
  documentation: "an address for documentation and measurements",
  reserved: "a reserved address",
};

/** The error of an address that the policy refuses. What a name resolves to is not in its message. */
export function addressRefused(
  { kind, embedded }: SpecialAddress,
  host: Host,
  port: number | undefined,
  optionName: string,
  address: string | undefined,
): EgressError {
  const isLiteral = host.address !== undefined;
  const what = embedded === undefined ? nameOfKind[kind] : `${nameOfKind[kind]} within an IPv6 one`;
  const isByName = !isLiteral && embedded === undefined && (kind === "private" || kind === "loopback");
  const entry = isLiteral || isByName ? shown(target(host, port)) : "its address";
  const message = `${shown(host.name)} ${isLiteral ? "is" : "has"} ${what}, which this server does not reach. Its operator can allow it by listing ${entry} in ${optionName}.`;
  return new EgressError("ADDRESS_REFUSED", message, { host: host.name, address });
}

/** The host as an entry of `allow` that means it and no more. */
function target({ name }: Host, port: number | undefined): string {
  if (port === undefined) return name;
  return name.includes(":") ? `[${name}]:${port}` : `${name}:${port}`;
}
