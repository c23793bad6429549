import { describe, expect, test } from "vitest";
import { isLoopbackName, type OriginPolicy, originProblem, parseAuthority } from "./origins.ts";

const local: OriginPolicy = { loopback: true, allowedHosts: [], allowedOrigins: [] };
const open: OriginPolicy = { loopback: false, allowedHosts: [], allowedOrigins: [] };

function problem(policy: OriginPolicy, authority: string, headers: Record<string, string> = {}) {
  return originProblem(policy, parseAuthority(authority)!, (name) => headers[name])?.header;
}

test.each([
  ["localhost", true],
  ["app.localhost", true],
  ["localhost.", true],
  ["127.0.0.1", true],
  ["127.8.9.1", true],
  ["[::1]", true],
  ["[::ffff:127.0.0.1]", true],
  ["localhost.evil.example", false],
  ["127.0.0.1.evil.example", false],
  ["10.0.0.1", false],
  ["[::2]", false],
  ["0.0.0.0", false],
])("%s means this machine: %s", (name, expected) => {
  expect(isLoopbackName(name)).toBe(expected);
});

test("what is no host is none", () => {
  for (const text of ["", "a b", "a/b", "a@b", "a:b", "a:999999", "[::1", "a\tb", "a?b", "a#b", "http://a"]) {
    expect([text, parseAuthority(text)]).toEqual([text, undefined]);
  }
  expect(parseAuthority(undefined)).toBeUndefined();
  expect(parseAuthority("LOCALHOST:80")).toEqual({ name: "localhost", port: "80" });
  expect(parseAuthority("[::1]:80")).toEqual({ name: "[::1]", port: "80" });
});

describe("a server on loopback", () => {
  test("answers programs, and pages of its own", () => {
    for (const host of ["localhost:50051", "127.0.0.1:50051", "[::1]:50051"]) {
      expect(problem(local, host)).toBeUndefined();
      expect(problem(local, host, { origin: `http://${host}` })).toBeUndefined();
      expect(problem(local, host, { "sec-fetch-site": "same-origin" })).toBeUndefined();
      expect(problem(local, host, { "sec-fetch-site": "none" })).toBeUndefined();
    }
  });

  test("refuses names that were pointed at it", () => {
    expect(problem(local, "evil.example:50051")).toBe("host");
    expect(problem(local, "evil.example:50051", { origin: "http://evil.example:50051" })).toBe("host");
    expect(problem(local, "192.168.1.5:50051")).toBe("host");
    expect(problem({ ...local, allowedHosts: ["Dev.example"] }, "dev.example:50051")).toBeUndefined();
    expect(problem({ ...local, allowedHosts: ["*"] }, "evil.example")).toBeUndefined();
  });

  test.each([
    "https://evil.example",
    "http://localhost:3000",
    "http://localhost",
    "null",
    "",
    "https://localhost.evil.example:50051",
  ])("refuses the origin %j", (origin) => {
    expect(problem(local, "localhost:50051", { origin })).toBe("origin");
    const listed = { ...local, allowedOrigins: ["http://other.example"] };
    expect(problem(listed, "localhost:50051", { origin })).toBe("origin");
  });

  test("takes origins that were allowed", () => {
    const policy = { ...local, allowedOrigins: ["http://localhost:3000"] };
    expect(problem(policy, "localhost:50051", { origin: "http://localhost:3000" })).toBeUndefined();
    expect(problem(policy, "localhost:50051", { origin: "http://localhost:3001" })).toBe("origin");
    expect(problem({ ...local, allowedOrigins: ["*"] }, "localhost:1", { origin: "null" })).toBeUndefined();
  });

  test("refuses what a page of another site embeds, but not that somebody follows a link", () => {
    for (const site of ["cross-site", "same-site"]) {
      const headers = { "sec-fetch-site": site, "sec-fetch-mode": "no-cors" };
      expect(problem(local, "localhost:50051", headers)).toBe("sec-fetch-site");
      expect(problem(local, "localhost:50051", { ...headers, "sec-fetch-mode": "navigate" })).toBeUndefined();
    }
  });
});

describe("a server on other addresses", () => {
  test("answers to every name, unless some are listed", () => {
    expect(problem(open, "anything.example")).toBeUndefined();
    const listed = { ...open, allowedHosts: ["a.example"] };
    expect(problem(listed, "a.example:8080")).toBeUndefined();
    expect(problem(listed, "b.example")).toBe("host");
    expect(problem(listed, "localhost")).toBeUndefined();
  });

  test("trusts pages of its own address, not of a name that anybody may point at it", () => {
    expect(problem(open, "10.0.0.1:80", { origin: "http://10.0.0.1:80" })).toBeUndefined();
    expect(problem(open, "a.example:80", { origin: "http://a.example:80" })).toBe("origin");
    const listed = { ...open, allowedHosts: ["a.example"] };
    expect(problem(listed, "a.example:80", { origin: "http://a.example:80" })).toBeUndefined();
    expect(problem(listed, "a.example", { origin: "https://a.example" })).toBeUndefined();
  });
});
