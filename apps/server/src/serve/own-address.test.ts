import { networkInterfaces } from "node:os";
import { expect, test } from "vitest";
import { isOwnAddress } from "./own-address.ts";

const port = 50051;
const here = Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []);

test.each([
  ["127.0.0.1", "127.0.0.1", true],
  ["127.0.0.1", "127.0.0.2", false],
  ["127.0.0.1", "::ffff:127.0.0.1", true],
  ["127.0.0.1", "10.0.0.1", false],
  ["localhost", "localhost", true],
  ["localhost", "127.0.0.1", true],
  ["localhost", "::1", true],
  ["::1", "::1", true],
  ["0.0.0.0", "127.9.9.9", true],
  ["0.0.0.0", "203.0.113.7", false],
  ["::", "::1", true],
  ["127.0.0.1", "agents.example", true],
  ["127.0.0.1", "other.example", false],
])("of a server on %s, %s is its own: %s", (host, target, isOwn) => {
  const own = { host, port, names: ["agents.example"] };
  expect(isOwnAddress(own, target, port)).toBe(isOwn);
  expect(isOwnAddress(own, target, port + 1)).toBe(false);
});

test("every address of the machine is, where it listens on all", () => {
  for (const address of here) {
    expect(isOwnAddress({ host: "0.0.0.0", port, names: [] }, address, port)).toBe(true);
  }
});
