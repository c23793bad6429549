import { BlockList } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createEgressPolicy, EgressError } from "./index.ts";

const policy = createEgressPolicy({ allowLoopback: false });

const refused: readonly [host: string, kind: string][] = [
  ["127.0.0.1", "loopback"],
  ["127.255.255.254", "loopback"],
  ["::1", "loopback"],
  ["0:0:0:0:0:0:0:1", "loopback"],
  ["10.0.0.1", "private"],
  ["172.16.0.1", "private"],
  ["172.31.255.255", "private"],
  ["192.168.1.1", "private"],
  ["100.64.0.1", "private"],
  ["100.100.100.200", "private"],
  ["100.127.255.255", "private"],
  ["fc00::1", "private"],
  ["fd00:ec2::254", "private"],
  ["fec0::1", "private"],
  ["64:ff9b:1::1", "private"],
  ["169.254.169.254", "link-local"],
  ["169.254.0.1", "link-local"],
  ["fe80::1", "link-local"],
  ["fe80::1%eth0", "link-local"],
  ["febf:ffff::1", "link-local"],
  ["168.63.129.16", "platform"],
  ["0.0.0.0", "unspecified"],
  ["0.1.2.3", "unspecified"],
  ["::", "unspecified"],
  ["224.0.0.1", "multicast"],
  ["239.255.255.255", "multicast"],
  ["ff02::1", "multicast"],
  ["255.255.255.255", "broadcast"],
  ["192.0.2.1", "documentation"],
  ["198.51.100.7", "documentation"],
  ["203.0.113.9", "documentation"],
  ["198.18.0.1", "documentation"],
  ["198.19.255.255", "documentation"],
  ["2001:db8::1", "documentation"],
  ["3fff::1", "documentation"],
  ["192.0.0.192", "reserved"],
  ["192.88.99.1", "reserved"],
  ["240.0.0.1", "reserved"],
  ["100::1", "reserved"],
  ["2001:2::1", "reserved"],
  ["4000::1", "reserved"],
  ["5f00::1", "reserved"],
  // IPv4 within IPv6: mapped, translated, compatible, NAT64, 6to4, and Teredo's server and client.
  ["::ffff:127.0.0.1", "loopback"],
  ["::ffff:7f00:1", "loopback"],
  ["::ffff:169.254.169.254", "link-local"],
  ["0:0:0:0:0:ffff:10.0.0.1", "private"],
  ["::ffff:0:127.0.0.1", "loopback"],
  ["::127.0.0.1", "loopback"],
  ["::10.0.0.1", "private"],
  ["::8.8.8.8", "reserved"],
  ["64:ff9b::127.0.0.1", "loopback"],
  ["64:ff9b::a9fe:a9fe", "link-local"],
  ["2002:7f00:1::", "loopback"],
  ["2002:a00:1::1", "private"],
  ["2001:0:a00:1::f7f7:f7f7", "private"],
  ["2001:0:808:808::80ff:fffe", "loopback"],
  // The forms that browsers and C libraries read as addresses.
  ["2130706433", "loopback"],
  ["0x7f000001", "loopback"],
  ["0x7f.1", "loopback"],
  ["0177.0.0.1", "loopback"],
  ["017700000001", "loopback"],
  ["127.1", "loopback"],
  ["127.0.0.1.", "loopback"],
  ["%31%32%37.0.0.1", "loopback"],
  ["１２７.0.0.1", "loopback"],
  ["0", "unspecified"],
  ["[::1]", "loopback"],
  ["localhost", "loopback"],
  ["LOCALHOST.", "loopback"],
  ["a.b.localhost", "loopback"],
];

const reachable = [
  "1.1.1.1",
  "8.8.8.8",
  "9.255.255.255",
  "11.0.0.0",
  "100.63.255.255",
  "100.128.0.0",
  "126.255.255.255",
  "128.0.0.1",
  "168.63.129.15",
  "169.253.255.255",
  "172.15.255.255",
  "172.32.0.0",
  "192.167.255.255",
  "198.17.255.255",
  "198.20.0.0",
  "223.255.255.255",
  "2606:4700::1111",
  "2a00:1450:4001::1",
  "::ffff:8.8.8.8",
  "64:ff9b::808:808",
  "2002:808:808::1",
  "2001:200::1",
  "example.com",
  "EXAMPLE.com.",
  "localhost.example.com",
  "xn--bcher-kva.example",
  "with_underscore.example",
];

function failure(action: () => unknown): EgressError {
  try {
    action();
  } catch (error) {
    if (error instanceof EgressError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("addresses", () => {
  test.each(refused)("%s is refused: %s", (host, kind) => {
    const error = failure(() => policy.checkHost(host, 443));
    expect(error.code).toBe("ADDRESS_REFUSED");
    expect(error.message).toContain(kind === "platform" ? "cloud platform" : kind);
    expect(error.message).toContain("in allow");
  });

  test.each(reachable)("%s is not", (host) => {
    expect(() => policy.checkHost(host, 443)).not.toThrow();
  });

  test.each(["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost"])(
    "%s may be reached with allowLoopback",
    (host) => {
      expect(() => createEgressPolicy({ allowLoopback: true }).checkHost(host, 80)).not.toThrow();
    },
  );

  test.each(["0.0.0.0", "::", "10.0.0.1", "169.254.169.254", "64:ff9b::127.0.0.1", "2002:7f00:1::"])(
    "%s may not even then",
    (host) => {
      expect(failure(() => createEgressPolicy({ allowLoopback: true }).checkHost(host, 80)).code).toBe(
        "ADDRESS_REFUSED",
      );
    },
  );

  test.each([
    "",
    " ",
    ".",
    "a..b",
    "a b",
    "a/b",
    "a@b",
    "a:80",
    "a#b",
    "a?b",
    "1.2.3.4.5",
    "256.1.1.1",
    "[::1",
    "[1.2.3.4]",
    "::g",
    "*.example.com",
    "a\nb",
    "a".repeat(64),
    `${"a.".repeat(130)}com`,
  ])("%j is no host", (host) => {
    expect(failure(() => policy.checkHost(host, 80)).code).toBe("INVALID_TARGET");
  });

  test.each([0, -1, 65_536, 1.5, Number.NaN])("%d is no port", (port) => {
    expect(failure(() => policy.checkHost("example.com", port)).code).toBe("INVALID_TARGET");
  });

  test("come back in the form to connect to", () => {
    expect(policy.checkHost("0x8080808", 80)).toBe("8.8.8.8");
    expect(policy.checkHost("[2606:4700::1111]", 80)).toBe("2606:4700::1111");
    expect(policy.checkHost("Example.COM.", 80)).toBe("example.com");
  });

  test("are told apart by ranges as Node's own BlockList does it", () => {
    const ipv4 = fc.ipV4();
    const ipv6 = fc.ipV6();
    const family = (address: string) => (address.includes(":") ? "ipv6" : "ipv4");
    fc.assert(
      fc.property(
        fc.oneof(
          fc.tuple(ipv4, ipv4, fc.integer({ min: 0, max: 32 })),
          fc.tuple(ipv6, ipv6, fc.integer({ min: 0, max: 128 })),
        ),
        fc.boolean(),
        ([base, other, bits], isNear) => {
          // IPv4 within IPv6 means something else to each; it has cases of its own.
          fc.pre(!/ffff:/i.test(base + other));
          const list = new BlockList();
          list.addSubnet(base, bits, family(base));
          const address = isNear ? base : other;
          const open = ruleFor(base, bits);
          // Public addresses may be reached without a rule, so ask about those that may not.
          if (!isRefused(policy, address)) return;
          expect(isRefused(open, address)).toBe(!list.check(address, family(address)));
        },
      ),
      { numRuns: 2000 },
    );
  });
});

function isRefused(policyOf: typeof policy, address: string): boolean {
  try {
    policyOf.checkHost(address, 80);
    return false;
  } catch {
    return true;
  }
}

/** A policy that allows a range, whose base the error message of a sloppy one tells. */
function ruleFor(base: string, bits: number): typeof policy {
  try {
    return createEgressPolicy({ allow: [`${base}/${bits}`], allowLoopback: false });
  } catch (error) {
    const proposal = /write (\S+) for that range/.exec(String(error))?.[1];
    if (proposal === undefined) throw error;
    return createEgressPolicy({ allow: [proposal], allowLoopback: false });
  }
}
