import { describe, expect, test } from "vitest";
import { createEgressPolicy, EgressError } from "./index.ts";

function policyOf(...allow: string[]) {
  return createEgressPolicy({ allow, allowLoopback: false });
}

describe("allow", () => {
  test.each([
    ["10.1.2.3", "10.1.2.3", 80],
    ["10.0.0.0/8", "10.255.0.1", 80],
    ["10.0.0.0/8:8080", "10.255.0.1", 8080],
    ["10.1.2.3:8080", "10.1.2.3", 8080],
    ["0.0.0.0/0", "169.254.169.254", 80],
    ["169.254.169.254", "169.254.169.254", 80],
    ["fd00::/8", "fd12::1", 80],
    ["[fd00::/8]:443", "fd12::1", 443],
    ["fd00::1", "fd00:0::1", 80],
    ["[fd00::1]", "fd00::1", 80],
    ["[fd00::1]:8080", "[fd00::1]", 8080],
    ["::ffff:10.0.0.0/104", "10.1.1.1", 80],
    ["::ffff:10.1.1.1", "10.1.1.1", 80],
    ["10.1.1.1", "::ffff:10.1.1.1", 80],
    ["64:ff9b::/96", "64:ff9b::10.0.0.1", 80],
    ["localhost", "localhost", 80],
    ["localhost:3000", "LOCALHOST.", 3000],
    ["127.0.0.1", "localhost", 80],
    ["*.localhost", "a.localhost", 80],
  ])("%s allows %s:%d", (entry, host, port) => {
    expect(() => policyOf().checkHost(host, port)).toThrow(EgressError);
    expect(() => policyOf(entry).checkHost(host, port)).not.toThrow();
  });

  test.each([
    ["10.1.2.3:8080", "10.1.2.3", 8081],
    ["10.0.0.0/9", "10.128.0.0", 80],
    ["10.0.0.0/8", "64:ff9b::10.0.0.1", 80],
    ["::/0", "10.0.0.1", 80],
    ["*.localhost", "localhost", 80],
    ["localhost:3000", "localhost", 3001],
    ["localhost", "127.0.0.1", 80],
  ])("%s does not allow %s:%d", (entry, host, port) => {
    expect(() => policyOf(entry).checkHost(host, port)).toThrow(EgressError);
  });

  test.each([
    ["", "is empty"],
    [" ", "is empty"],
    ["http://example.com", "is a URL"],
    ["example.com/path", "has no IP address before its slash"],
    ["*", "names everything"],
    ["*:80", "names everything"],
    ["a.*.com", "is no name, address or range"],
    ["*.*.com", "is no name, address or range"],
    ["*.10.0.0.1", "is read as the address 10.0.0.1"],
    ["10.0.0.0/33", "prefix from 0 to 32"],
    ["10.0.0.0/", "prefix from 0 to 32"],
    ["10.0.0.0/-1", "prefix from 0 to 32"],
    ["10.0.0.0/8/8", "has no IP address before its slash"],
    ["10.0.0.1/8", "write 10.0.0.0/8 for that range"],
    ["fd00::1/8", "write fd00::/8 for that range"],
    ["fd00::/129", "prefix from 0 to 128"],
    ["::ffff:10.0.0.0/8", "prefix from 96 to 128"],
    ["fe80::1%eth0", "names a zone"],
    ["%31.example.com", "has percent signs"],
    ["fe80::%eth0/10", "has no IP address before its slash"],
    ["127.1", "is read as the address 127.0.0.1"],
    ["010.0.0.1", "is read as the address 8.0.0.1"],
    ["0x7f000001", "is read as the address 127.0.0.1"],
    ["10.0.0.256", "is no name, address or range"],
    ["example.com:0", "has a port that is not from 1 to 65535"],
    ["example.com:65536", "has a port that is not from 1 to 65535"],
    ["example.com:http", "has a port that is not from 1 to 65535"],
    ["example.com:", "has a port that is not from 1 to 65535"],
    ["[fd00::1]:x", "has a port that is not from 1 to 65535"],
    ["[10.0.0.1]:80", "has something else than an IPv6 address in brackets"],
    ["user@example.com", "is no name, address or range"],
    ["exam ple.com", "is no name, address or range"],
  ])("%j is a mistake: %s", (entry, what) => {
    expect(() => policyOf("example.com", entry)).toThrow(TypeError);
    expect(() => policyOf("example.com", entry)).toThrow(what);
    expect(() => policyOf("example.com", entry)).toThrow(JSON.stringify(entry));
  });
});

describe("checkUrl", () => {
  test.each([
    ["http://2130706433/", "127.0.0.1"],
    ["http://0x7f.1:8080/", "127.0.0.1"],
    ["http://[::ffff:127.0.0.1]/", "::ffff:7f00:1"],
    ["https://169.254.169.254/latest/meta-data/", "169.254.169.254"],
    ["http://localhost./", "localhost"],
  ])("refuses %s", (url, host) => {
    const refusal = expect.objectContaining({ code: "ADDRESS_REFUSED", host });
    expect(() => policyOf().checkUrl(url)).toThrow(refusal);
  });

  test.each([
    "ftp://example.com/",
    "file:///etc/passwd",
    "data:text/plain,a",
    "javascript:alert(1)",
    "unix:/run/docker.sock",
    "https://user@example.com/",
    "https://:secret@example.com/",
    "https://user:secret@example.com/",
    "example.com",
    "http://",
    "",
    "http://example.com:0/",
  ])("refuses %j", (url) => {
    const refusal = expect.objectContaining({ code: "INVALID_TARGET" });
    expect(() => policyOf().checkUrl(url)).toThrow(refusal);
    expect(() => policyOf().checkUrl(url)).not.toThrow("secret");
  });

  test("returns the URL, from text or a URL", () => {
    expect(policyOf().checkUrl("HTTPS://Example.com:8443/a?b=c").href).toBe("https://example.com:8443/a?b=c");
    expect(policyOf().checkUrl(new URL("http://8.8.8.8")).href).toBe("http://8.8.8.8/");
  });

  test("knows the port of the scheme", () => {
    expect(() => policyOf("10.0.0.1:443").checkUrl("https://10.0.0.1/")).not.toThrow();
    expect(() => policyOf("10.0.0.1:443").checkUrl("http://10.0.0.1/")).toThrow(EgressError);
    expect(() => policyOf("10.0.0.1:80").checkUrl("http://10.0.0.1/")).not.toThrow();
  });

  test("says which entry of which option would allow it", () => {
    const policy = createEgressPolicy({ allowLoopback: false, optionName: "--allow-egress" });
    expect(() => policy.checkUrl("http://10.0.0.1:81/secret-path")).toThrow(
      '"10.0.0.1" is a private address, which this server does not reach. Its operator can allow it by listing "10.0.0.1:81" in --allow-egress.',
    );
    expect(() => policy.checkUrl("https://[fd00::1]/")).toThrow('listing "[fd00::1]:443" in');
  });
});
