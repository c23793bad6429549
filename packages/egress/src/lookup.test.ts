import { once } from "node:events";
import * as http from "node:http";
import * as http2 from "node:http2";
import { type AddressInfo, connect, type LookupFunction } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEgressPolicy, type EgressError, type Resolve } from "./index.ts";

const server = http.createServer((_, response) => response.end("reached"));
let accepted = 0;
let port = 0;
beforeAll(async () => {
  server.on("connection", () => {
    accepted++;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** A name service that gives these answers one after the other, the last one over and over. */
function names(...answers: (readonly string[])[]): Resolve & { asked: string[] } {
  const asked: string[] = [];
  const resolve = async (host: string) => {
    asked.push(host);
    const answer = answers[asked.length - 1] ?? answers.at(-1)!;
    return answer.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  };
  return Object.assign(resolve, { asked });
}

function policyOf(resolve: Resolve, allow: string[] = [], allowLoopback = false) {
  return createEgressPolicy({ allow, allowLoopback, resolve });
}

/** Connects as `net` does and says how that ended. */
async function connecting(lookup: LookupFunction, host = "tools.example", autoSelectFamily = true) {
  const socket = connect({ host, port, lookup, autoSelectFamily });
  return new Promise<string>((resolve) => {
    socket.on("connect", () => {
      const { remoteAddress = "" } = socket;
      socket.destroy();
      resolve(remoteAddress);
    });
    socket.on("error", (error) => resolve((error as EgressError).code));
  });
}

describe("lookup", () => {
  test("gives the addresses that were checked to the connection, and asks once for each", async () => {
    const resolve = names(["127.0.0.1"], ["169.254.169.254"]);
    const { lookup } = policyOf(resolve, [], true);
    expect(await connecting(lookup)).toBe("127.0.0.1");
    expect(resolve.asked).toEqual(["tools.example"]);
    expect(await connecting(lookup)).toBe("ADDRESS_REFUSED");
    expect(resolve.asked).toHaveLength(2);
  });

  test.each([
    ["A", ["127.0.0.1"]],
    ["AAAA", ["::1"]],
    ["mapped AAAA", ["::ffff:127.0.0.1"]],
    ["A and AAAA", ["127.0.0.1", "::1"]],
    ["NAT64", ["64:ff9b::7f00:1"]],
  ])("refuses a name that is public first and then loopback: %s", async (_, second) => {
    const policy = policyOf(names(["1.1.1.1", "2606:4700::1111"], second));
    const before = accepted;
    expect(await policy.resolve("rebind.example", port)).toHaveLength(2);
    for (const autoSelectFamily of [true, false]) {
      expect(await connecting(policy.lookup, "rebind.example", autoSelectFamily)).toBe("ADDRESS_REFUSED");
    }
    expect(accepted).toBe(before);
  });

  test("leaves out the addresses that are refused among several", async () => {
    const mixed = names(["10.0.0.1", "169.254.169.254", "127.0.0.1", "fe80::1", "2606:4700::1111"]);
    const policy = policyOf(mixed, ["127.0.0.1"]);
    expect(await policy.resolve("mixed.example")).toEqual([
      { address: "127.0.0.1", family: 4 },
      { address: "2606:4700::1111", family: 6 },
    ]);
    expect(await connecting(policy.lookup, "mixed.example", false)).toBe("127.0.0.1");
  });

  test("gives addresses of the wanted family", async () => {
    const { lookup } = policyOf(names(["1.1.1.1", "2606:4700::1111"]));
    const ask = (options: Parameters<LookupFunction>[1], host = "both.example") =>
      new Promise((resolve) => lookup(host, options, (...answer) => resolve(answer)));
    expect(await ask({ family: 6 })).toEqual([null, "2606:4700::1111", 6]);
    expect(await ask({ family: "IPv4" })).toEqual([null, "1.1.1.1", 4]);
    expect(await ask({ family: 6, all: true })).toEqual([null, [{ address: "2606:4700::1111", family: 6 }]]);
    expect(await ask({ family: 6 }, "1.1.1.1")).toEqual([expect.objectContaining({ code: "ENOTFOUND" }), ""]);
  });

  test("reads odd forms of addresses itself, not the name service", async () => {
    const resolve = names(["1.1.1.1"]);
    const { lookup } = policyOf(resolve);
    expect(await connecting(lookup, "2130706433")).toBe("ADDRESS_REFUSED");
    expect(await connecting(lookup, "0x7f.1")).toBe("ADDRESS_REFUSED");
    expect(await connecting(policyOf(resolve, [], true).lookup, "0x7f.1")).toBe("127.0.0.1");
    expect(resolve.asked).toEqual([]);
  });

  test("takes names that are listed, also below a wildcard and with a port", async () => {
    const resolve = names(["127.0.0.1"]);
    const listed = policyOf(resolve, ["tools.example", "*.internal.example", `only.example:${port}`]);
    expect(await connecting(listed.lookup, "Tools.Example.")).toBe("127.0.0.1");
    expect(await connecting(listed.lookup, "a.b.internal.example")).toBe("127.0.0.1");
    expect(await connecting(listed.lookup, "internal.example")).toBe("ADDRESS_REFUSED");
    expect(await connecting(listed.lookup, "xinternal.example")).toBe("ADDRESS_REFUSED");
    expect(await connecting(listed.lookup, "only.example")).toBe("ADDRESS_REFUSED");
    expect(await connecting(listed.lookupFor(port), "only.example")).toBe("127.0.0.1");
    expect(await connecting(listed.lookupFor(port + 1), "only.example")).toBe("ADDRESS_REFUSED");
  });

  test("takes a listed name for private addresses, but not for those of metadata services", async () => {
    const privately = policyOf(names(["10.0.0.1"]), ["tools.example"]);
    expect(await privately.resolve("tools.example")).toHaveLength(1);
    const allow = ["tools.example"];
    for (const address of ["169.254.169.254", "0.0.0.0", "fe80::1", "224.0.0.1", "64:ff9b::a00:1"]) {
      const policy = policyOf(names([address]), allow);
      await expect(policy.resolve("tools.example")).rejects.toMatchObject({
        code: "ADDRESS_REFUSED",
        address,
      });
    }
    const both = policyOf(names(["169.254.169.254"]), [...allow, "169.254.169.254"]);
    expect(await both.resolve("tools.example")).toHaveLength(1);
  });

  test("says what a name is refused for without telling its addresses", async () => {
    const policy = policyOf(names(["10.9.8.7"]));
    await expect(policy.resolve("intern.example", 8080)).rejects.toMatchObject({
      host: "intern.example",
      address: "10.9.8.7",
      message:
        '"intern.example" has a private address, which this server does not reach. Its operator can allow it by listing "intern.example:8080" in allow.',
    });
    await expect(policyOf(names(["169.254.1.1"])).resolve("meta.example")).rejects.toThrow(
      "by listing its address in allow",
    );
  });

  test("fails as the name service does, and where it gives nothing or nonsense", async () => {
    const broken = policyOf(() => Promise.reject(Object.assign(new Error("no"), { code: "ENOTFOUND" })));
    expect(await connecting(broken.lookup)).toBe("ENOTFOUND");
    expect(await connecting(policyOf(names([])).lookup)).toBe("UNREACHABLE");
    expect(await connecting(policyOf(names(["0x7f.1"])).lookup)).toBe("UNREACHABLE");
  });

  test("guards HTTP/2 as well", async () => {
    const policy = policyOf(names(["127.0.0.1"]));
    const session = http2.connect(`http://tools.example:${port}`, { lookup: policy.lookup });
    const [error] = await once(session, "error", { signal: AbortSignal.timeout(10_000) }).catch((cause) => [
      cause,
    ]);
    expect(error).toMatchObject({ code: "ADDRESS_REFUSED" });
  });

  test("resolves as the system does by default", async () => {
    const policy = createEgressPolicy({ allowLoopback: true });
    const addresses = await policy.resolve("localhost", port);
    expect(addresses.map(({ address }) => address)).toContain("127.0.0.1");
    await expect(createEgressPolicy({ allowLoopback: false }).resolve("localhost")).rejects.toMatchObject({
      code: "ADDRESS_REFUSED",
    });
  });
});
