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

test("times and the number of sessions", () => {
  const flags = {
    sessionExpireAfter: "30d",
    sessionIdleTimeout: "90s",
    retention: "500ms",
    sessionsMax: "7",
  };
  expect(readConfig(flags, {})).toMatchObject({
    sessions: { expireAfterMs: 30 * 24 * 3_600_000, idleTimeoutMs: 90_000, retentionMs: 500 },
    sessionsMax: 7,
  });
  expect(readConfig({}, {})).toMatchObject({ sessions: {}, sessionsMax: undefined });
  for (const text of ["", "0s", "1", "1.5h", "-1s", "3651d", "1 h", "1w"]) {
    expect(refusal({ retention: text })).toContain(`--retention takes a time such as 500ms, 90s`);
  }
  expect(refusal({ sessionIdleTimeout: "soon" })).toContain("--session-idle-timeout");
  expect(refusal({ sessionsMax: "0" })).toContain("--sessions-max takes a whole number from 1");
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
    [
      { agent: ["a=grpc:nope"] },
      "takes <host>:<port> or a URL without a path, such as --agent a=grpc:127.0.0.1",
    ],
    [{ agent: ["a=grpc:host:99999"] }, "--agent a=grpc:host:99999 cannot be used"],
    [{ agent: ["a=grpc:host:0"] }, "--agent a=grpc:host:0 cannot be used"],
    [{ agent: ["a=grpc:http://host/path"] }, "takes <host>:<port>"],
    [{ agent: ["a=grpc:ftp://host:1"] }, "takes <host>:<port>"],
    [{ agent: ["my agent=llm:x"] }, '"my agent"=… is no agent id: it takes 1 to 256 bytes without spaces'],
    [{ agent: ["a\nb=llm:x"] }, '"a\\nb"=… is no agent id'],
    [{ agent: ["a\u0007=llm:x"] }, "is no agent id"],
    [{ agent: [`${"a".repeat(257)}=llm:x`] }, "is no agent id"],
    [{ allowOrigin: ["not-an-origin"] }, 'such as https://app.example, not "not-an-origin"'],
    [{ allowOrigin: ["localhost:3000"] }, "--allow-origin takes * or <scheme>://<host>[:<port>]"],
    [{ allowOrigin: ["https://app.example/"] }, "such as https://app.example, not"],
    [{ allowOrigin: ["https://app.example:443"] }, "such as https://app.example, not"],
    [{ allowOrigin: ["null"] }, "--allow-origin takes"],
    [{ allowHost: ["https://agents.example"] }, "--allow-host takes * or a name without scheme and port"],
    [{ allowHost: ["agents.example:443"] }, "--allow-host takes"],
    [{ defaultAgent: "nobody" }, "there are: demo"],
  ])("%j", (flags, message) => {
    expect(refusal(flags)).toContain(message);
  });

  test("what is near to that is taken", () => {
    const flags = {
      agent: ["ö/1=grpc:[::1]:7000", "b=grpc:https://agents.example", "c=grpc:agents.example:80"],
      allowOrigin: ["*", "https://App.example", "http://[::1]:3000", "chrome-extension://abcdef"],
      allowHost: ["*", "agents.example", "[::1]"],
    };
    expect(refusal(flags)).toBe("");
    expect(readConfig(flags, {})).toMatchObject({
      allowedOrigins: flags.allowOrigin,
      allowedHosts: flags.allowHost,
    });
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
