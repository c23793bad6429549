import { expect, test } from "vitest";
import { UsageError } from "../usage-error.ts";
import { readConfig, type ServeFlags } from "./config.ts";
import { createEgress } from "./egress.ts";

const egressOf = (flags: ServeFlags, environment: Readonly<Record<string, string>> = {}) =>
  createEgress(readConfig(flags, environment));

test.each(["127.0.0.1", "127.8.8.8", "localhost", "::1"])(
  "a server on %s reaches loopback, and nothing else of the inside",
  (host) => {
    const egress = egressOf({ host });
    expect(egress.checkHost("127.0.0.1", 7000)).toBe("127.0.0.1");
    expect(egress.checkHost("8.8.8.8", 443)).toBe("8.8.8.8");
    for (const inside of ["10.0.0.1", "169.254.169.254", "fd00::1"]) {
      expect(() => egress.checkHost(inside, 80)).toThrow("--allow-endpoint");
    }
  },
);

test.each(["0.0.0.0", "::", "10.0.0.1", "agents.example"])(
  "a server that others reach on %s does not",
  (host) => {
    expect(() => egressOf({ host }).checkHost("127.0.0.1", 7000)).toThrow("a loopback address");
    expect(() => egressOf({ host }).checkHost("localhost", 7000)).toThrow("--allow-endpoint");
  },
);

test("what the operator lists is reached: by flags, else by the environment", () => {
  const environment = { DRAGOMAN_ALLOW_ENDPOINTS: "10.0.0.0/8, [fd00::1]:8080 192.168.0.1:80," };
  const host = "0.0.0.0";
  const listed = egressOf({ host }, environment);
  expect(listed.checkHost("10.1.2.3", 1)).toBe("10.1.2.3");
  expect(listed.checkHost("fd00::1", 8080)).toBe("fd00::1");
  expect(listed.checkHost("192.168.0.1", 80)).toBe("192.168.0.1");
  expect(() => listed.checkHost("192.168.0.1", 81)).toThrow("--allow-endpoint");
  const flagged = egressOf({ host, allowEndpoint: ["127.0.0.1"] }, environment);
  expect(flagged.checkHost("127.0.0.1", 7000)).toBe("127.0.0.1");
  expect(() => flagged.checkHost("10.1.2.3", 1)).toThrow("a private address");
});

test.each(["*", "http://10.0.0.1", "10.0.0.0/99", "a b", "host:99999"])("%s is refused", (entry) => {
  expect(() => egressOf({ allowEndpoint: [entry] })).toThrow(UsageError);
  expect(() => egressOf({ allowEndpoint: [entry] })).toThrow("--allow-endpoint cannot be used");
});
