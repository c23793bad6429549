import { type AddressBytes, formatAddress, parseAddress, sharesPrefix } from "./address.ts";

/** Why an address is not one that anybody may reach. */
export type AddressKind =
  /** The machine itself. */
  | "loopback"
  /** A network of one's own: RFC 1918, shared address space, unique local addresses. */
  | "private"
  /** This link only; clouds keep their metadata services and the machine's credentials there. */
  | "link-local"
  /** A platform's own service behind an address that looks public. */
  | "platform"
  /** No address: systems take it for the machine itself. */
  | "unspecified"
  | "multicast"
  | "broadcast"
  /** For documents and measurements. */
  | "documentation"
  /** Set aside, or of a protocol that is no longer used. */
  | "reserved";

/** What an address is, where it is not a public one. */
export interface SpecialAddress {
  readonly kind: AddressKind;
  /** The IPv4 address inside an IPv6 address that gateways translate, where that one is special. */
  readonly embedded?: string;
}

interface Range {
  readonly base: AddressBytes;
  readonly bits: number;
  readonly kind: AddressKind;
}

/** Of two ranges that hold an address the first one counts. After IANA's special-purpose address registries. */
const ranges: readonly Range[] = [
  range("0.0.0.0/8", "unspecified"),
  range("10.0.0.0/8", "private"),
  range("100.64.0.0/10", "private"),
  range("127.0.0.0/8", "loopback"),
  // Azure's agent, name service and health probes.
  range("168.63.129.16/32", "platform"),
  range("169.254.0.0/16", "link-local"),
  range("172.16.0.0/12", "private"),
  range("192.0.0.0/24", "reserved"),
  range("192.0.2.0/24", "documentation"),
  range("192.88.99.0/24", "reserved"),
  range("192.168.0.0/16", "private"),
  range("198.18.0.0/15", "documentation"),
  range("198.51.100.0/24", "documentation"),
  range("203.0.113.0/24", "documentation"),
  range("224.0.0.0/4", "multicast"),
  range("255.255.255.255/32", "broadcast"),
  range("240.0.0.0/4", "reserved"),
  range("::/128", "unspecified"),
  range("::1/128", "loopback"),
  range("64:ff9b:1::/48", "private"),
  range("fc00::/7", "private"),
  range("fe80::/10", "link-local"),
  range("fec0::/10", "private"),
  range("ff00::/8", "multicast"),
  range("2001:db8::/32", "documentation"),
  range("3fff::/20", "documentation"),
  range("2001::/23", "reserved"),
];

/** IPv6 prefixes with an IPv4 address inside, and where it begins. Teredo's is the bitwise complement. */
const translations: readonly { readonly base: AddressBytes; readonly bits: number; readonly at: number[] }[] =
  [
    { ...range("64:ff9b::/96", "reserved"), at: [12] },
    { ...range("::ffff:0:0:0/96", "reserved"), at: [12] },
    { ...range("2002::/16", "reserved"), at: [2] },
    { ...range("2001::/32", "reserved"), at: [4, -4] },
  ];

/** What is routed in IPv6. Everything else is for something else. */
const globalUnicast = range("2000::/3", "reserved");
/** IPv4-compatible addresses, which nobody routes any more. */
const compatible = range("::/96", "reserved");

/** Says what an address is, or undefined for a public one. */
export function specialKindOf(address: AddressBytes): SpecialAddress | undefined {
  const translated = translations.find(({ base, bits }) => sharesPrefix(address, base, bits));
  if (translated !== undefined) return specialOf(translated.at.map((at) => embeddedAt(address, at)));
  const found = ranges.find(({ base, bits }) => sharesPrefix(address, base, bits));
  if (found !== undefined) return { kind: found.kind };
  if (address.length === 4 || sharesPrefix(address, globalUnicast.base, globalUnicast.bits)) return undefined;
  if (!sharesPrefix(address, compatible.base, compatible.bits)) return { kind: "reserved" };
  return specialOf([embeddedAt(address, 12)]) ?? { kind: "reserved" };
}

function specialOf(embedded: readonly AddressBytes[]): SpecialAddress | undefined {
  for (const address of embedded) {
    const special = specialKindOf(address);
    if (special !== undefined) return { kind: special.kind, embedded: formatAddress(address) };
  }
  return undefined;
}

function embeddedAt(address: AddressBytes, at: number): AddressBytes {
  if (at < 0) return address.slice(at).map((byte) => byte ^ 0xff);
  return address.slice(at, at + 4);
}

function range(text: string, kind: AddressKind): Range {
  const [address = "", bits] = text.split("/");
  return { base: parseAddress(address)!, bits: Number(bits), kind };
}
