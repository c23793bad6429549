import { isIPv4, isIPv6 } from "node:net";

/** An IP address as its bytes: four for IPv4, sixteen for IPv6. */
export type AddressBytes = readonly number[];

/**
 * Reads an IP address in its usual form, or returns undefined. An IPv4 address in IPv6's mapped form (`::ffff:a.b.c.d`)
 * is that IPv4 address: both lead to the same host. A zone (`%eth0`) says which interface, not which address.
 */
export function parseAddress(text: string): AddressBytes | undefined {
  if (isIPv4(text)) return text.split(".").map(Number);
  if (!isIPv6(text)) return undefined;
  const bytes = parseIpv6(text.split("%", 1)[0]!);
  return isMapped(bytes) ? bytes.slice(12) : bytes;
}

/** Whether the first bits of two addresses of one family are the same. */
export function sharesPrefix(one: AddressBytes, other: AddressBytes, bits: number): boolean {
  if (one.length !== other.length) return false;
  const whole = bits >> 3;
  for (let at = 0; at < whole; at++) if (one[at] !== other[at]) return false;
  const rest = bits & 7;
  return rest === 0 || (one[whole]! ^ other[whole]!) >> (8 - rest) === 0;
}

/** The address with all bits after its first ones set to zero. */
export function maskedTo(bytes: AddressBytes, bits: number): AddressBytes {
  return bytes.map((byte, at) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - at * 8))));
}

/** Writes an address so that `parseAddress` reads it, in the short form that URLs have. */
export function formatAddress(bytes: AddressBytes): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, at) =>
    ((bytes[at * 2]! << 8) | bytes[at * 2 + 1]!).toString(16),
  );
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

/** Reads what is known to be an IPv6 address without a zone. */
function parseIpv6(text: string): number[] {
  const [head = "", tail] = text.split("::");
  const before = groupBytes(head);
  if (tail === undefined) return before;
  const after = groupBytes(tail);
  return [...before, ...new Array<number>(16 - before.length - after.length).fill(0), ...after];
}

function groupBytes(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (group.includes(".")) return group.split(".").map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function isMapped(bytes: AddressBytes): boolean {
  return bytes.every((byte, at) => at >= 12 || byte === (at < 10 ? 0 : 0xff));
}
