import { createTempFolder, type TempFolder } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Certificates, makeCertificates } from "../testing/certificates.ts";
import { UsageError } from "../usage-error.ts";
import { createAgents } from "./agents.ts";
import { readConfig, type ServeFlags } from "./config.ts";

let folder: TempFolder;
let pem: Certificates;

beforeAll(async () => {
  folder = await createTempFolder();
  pem = makeCertificates(folder.path);
});
afterAll(() => folder.remove());

type Environment = Readonly<Record<string, string>>;

/** What the user is told. */
function refusal(flags: ServeFlags, environment: Environment = {}): string {
  try {
    createAgents(readConfig(flags, environment), environment);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return error instanceof Error ? error.message : "";
  }
  return "";
}

test("nothing given is the default of everything", () => {
  const config = readConfig({}, {});
  expect(config).toMatchObject({
    host: "127.0.0.1",
    port: 50051,
    durability: "process",
    rpcEnabled: true,
    tls: undefined,
    agents: [],
    testAgents: false,
    onDisconnect: { action: "continue" },
    drainMs: 10_000,
    heartbeatMs: 15_000,
  });
  expect(config.dataFolder).toMatch(/\/\.dragoman$/);
  expect(createAgents(config, {}).map(({ agentId }) => agentId)).toEqual(["demo"]);
});

test("flags win over the environment", () => {
  expect(readConfig({}, { GRPC_PORT: "7000" }).port).toBe(7000);
  expect(readConfig({ port: "7001" }, { GRPC_PORT: "7000" }).port).toBe(7001);
  expect(readConfig({ onDisconnect: "cancel:500" }, {}).onDisconnect).toEqual({
    action: "cancel",
    graceMs: 500,
  });
});

test.each([
  ["true", true],
  ["TRUE", true],
  ["", true],
  ["false", false],
  ["False", false],
])("GRPC_ENABLED=%s", (text, enabled) => {
  expect(readConfig({}, { GRPC_ENABLED: text }).rpcEnabled).toBe(enabled);
});

test("agents: the test agents and the model where they are asked for, others by flag, one in front", () => {
  const flags = {
    agent: ["mine=grpc:127.0.0.1:7000", "old=ag-ui:http://127.0.0.1:8000/agent", "big=llm:gpt-9"],
    testAgents: true,
    defaultAgent: "mine",
  };
  const environment = { OPENAI_API_KEY: "key" };
  const agents = createAgents(readConfig(flags, environment), environment);
  expect(agents.map(({ agentId }) => agentId)).toEqual([
    "mine",
    "demo",
    "llm",
    "old",
    "big",
    "script",
    "script-unverified",
  ]);
});

describe("what cannot be is refused, and says what to change", () => {
  test.each<[ServeFlags, string]>([
    [{ port: "abc" }, '--port takes a whole number from 0 to 65535, not "abc"'],
    [{ port: "65536" }, "--port takes"],
    [{ port: "" }, "--port takes"],
    [{ memory: true, data: "x" }, "give one of them"],
    [{ durability: "maybe" }, "--durability takes process or fsync, not maybe"],
    [{ drainMs: "-1" }, "--drain-ms takes"],
    [{ heartbeatMs: "0" }, "--heartbeat-ms takes a whole number from 10"],
    [{ onDisconnect: "explode" }, "--on-disconnect takes continue, cancel"],
    [{ onDisconnect: "cancel:3600001" }, "--on-disconnect takes"],
    [{ agent: ["x"] }, "is not of the form <id>=<kind>:<target>"],
    [{ agent: ["a=smoke:b"] }, "Kinds are ag-ui, grpc, llm"],
    [{ agent: ["a=ag-ui:nourl"] }, "--agent a=ag-ui:nourl cannot be used"],
    [{ agent: ["a=grpc:::"] }, "--agent a=grpc::: cannot be used"],
    [{ defaultAgent: "nobody" }, "there are: demo"],
  ])("%j", (flags, message) => {
    expect(refusal(flags)).toContain(message);
  });

  test("GRPC_ENABLED and GRPC_PORT", () => {
    expect(refusal({}, { GRPC_ENABLED: "yes" })).toContain("GRPC_ENABLED takes true or false, not yes");
    expect(refusal({}, { GRPC_PORT: "x" })).toContain("GRPC_PORT takes a whole number");
  });
});

describe("TLS by the environment", () => {
  const all = () => ({
    GRPC_TLS_CERT: pem.server.cert,
    GRPC_TLS_KEY: pem.server.key,
    GRPC_TLS_CA: pem.ca,
  });
  const only = (...names: readonly (keyof ReturnType<typeof all>)[]) =>
    Object.fromEntries(names.map((name) => [name, all()[name]]));

  test("cert and key give TLS, with the CA too it is mutual", () => {
    expect(readConfig({}, only("GRPC_TLS_CERT", "GRPC_TLS_KEY")).tls).toMatchObject({ ca: undefined });
    expect(readConfig({}, all()).tls?.ca).toBeInstanceOf(Buffer);
    expect(readConfig({}, { GRPC_TLS_CERT: "", GRPC_TLS_KEY: "", GRPC_TLS_CA: "" }).tls).toBeUndefined();
  });

  test.each([
    [["GRPC_TLS_CERT"], "GRPC_TLS_CERT is set, but GRPC_TLS_KEY is not."],
    [["GRPC_TLS_KEY"], "GRPC_TLS_KEY is set, but GRPC_TLS_CERT is not."],
    [["GRPC_TLS_CA"], "GRPC_TLS_CA is set, but GRPC_TLS_CERT and GRPC_TLS_KEY is not."],
    [["GRPC_TLS_CERT", "GRPC_TLS_CA"], "GRPC_TLS_CERT and GRPC_TLS_CA is set, but GRPC_TLS_KEY is not."],
    [["GRPC_TLS_KEY", "GRPC_TLS_CA"], "GRPC_TLS_KEY and GRPC_TLS_CA is set, but GRPC_TLS_CERT is not."],
  ] as const)("any other mixture is refused: %j", (names, message) => {
    const said = refusal({}, only(...names));
    expect(said).toContain(message);
    expect(said).toContain("Set GRPC_TLS_CERT and GRPC_TLS_KEY for TLS, GRPC_TLS_CA too for mutual TLS");
  });

  test("files that cannot be used are named", () => {
    const missing = { ...all(), GRPC_TLS_KEY: "/nowhere/key.pem" };
    expect(refusal({}, missing)).toBe("GRPC_TLS_KEY names /nowhere/key.pem, which cannot be read (ENOENT).");
    const swapped = { GRPC_TLS_CERT: pem.server.cert, GRPC_TLS_KEY: pem.client.key };
    expect(refusal({}, swapped)).toContain("GRPC_TLS_CERT and GRPC_TLS_KEY cannot be used together");
    const none = { GRPC_TLS_CERT: pem.server.key, GRPC_TLS_KEY: pem.server.key };
    expect(refusal({}, none)).toContain("cannot be used together");
    expect(refusal({}, { ...all(), GRPC_TLS_CA: pem.server.key })).toContain(
      "GRPC_TLS_CA names no certificate",
    );
  });
});
