import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Replica, startReplica } from "../testing/replica.ts";
import { jsonLines, linesOf, runCommand, startCommand } from "../testing/run-command.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let server: TestServer;
let host: Replica;

beforeAll(async () => {
  server = await startTestServer();
  host = await startReplica();
});
afterAll(async () => {
  await server.close();
  await host[Symbol.asyncDispose]();
});

const dragoman = (...args: readonly string[]) => runCommand(args, { DRAGOMAN_SERVER: server.url });

describe("dragoman agents", () => {
  test("adds one, shows it with its endpoints, runs it and removes it", async () => {
    const added = await dragoman(
      "agents",
      "add",
      "helper",
      host.url,
      "127.0.0.1:1",
      "--description",
      "Helps.",
    );
    expect(added).toMatchObject({ code: 0, stderr: "" });
    const [, agent, one, two] = linesOf(added.stdout);
    expect(agent).toMatch(/^helper +grpc +ready +0 +Helps\.$/);
    expect(one).toMatch(new RegExp(`^ +grpc +healthy +0 +${host.url}$`));
    expect(two).toMatch(/^ +grpc +unhealthy +0 +127\.0\.0\.1:1 \(.*ECONNREFUSED.*\)$/);
    expect((await dragoman("agents")).stdout).toMatch(/^helper +grpc +ready +0 +Helps\.$/m);
    expect((await dragoman("run", "helper", "hi")).code).toBe(0);
    const removed = await dragoman("agents", "remove", "helper", "--endpoint", "127.0.0.1:1", "--json");
    expect(jsonLines(removed.stdout)).toMatchObject([
      { agentId: "helper", endpoints: [{ target: host.url }] },
    ]);
    expect(await dragoman("agents", "remove", "helper", "--grace", "0")).toEqual({
      code: 0,
      stdout: "helper is gone\n",
      stderr: "",
    });
  });

  test("sends headers, and shows their values to nobody", async () => {
    const header = "authorization=Bearer a=b=c-1234567890";
    const flags = ["--header", header, "--protocol", "connect", "--json"];
    const added = await dragoman("agents", "add", "secret", host.url, ...flags);
    expect(jsonLines(added.stdout)).toMatchObject([
      { agentId: "secret", kind: "connect", endpoints: [{ headers: { authorization: "" } }] },
    ]);
    await dragoman("run", "secret", "hi");
    expect(host.credentials.at(-1)).toBe("Bearer a=b=c-1234567890");
    const listed = await dragoman("agents", "list", "--json");
    expect(listed.stdout).toContain('"secret"');
    expect(added.stdout + listed.stdout).not.toContain("1234567890");
  });

  test("watches: all that there are, then what changes, until Ctrl-C", async () => {
    const env = { DRAGOMAN_SERVER: server.url };
    const people = startCommand(["agents", "watch"], env);
    const programs = startCommand(["agents", "watch", "watched", "--json"], env);
    await Promise.all([people.printed("demo  demo  ready  0 runs"), programs.printed('"caughtUp"')]);
    await dragoman("agents", "add", "watched", "127.0.0.1:1");
    await Promise.all([people.printed("watched  grpc  unavailable  0 runs"), programs.printed('"watched"')]);
    await dragoman("agents", "remove", "watched");
    await Promise.all([people.printed("watched is gone"), programs.printed('"removedAgentId"')]);
    for (const command of [people, programs]) {
      command.signal("SIGINT");
      expect(await command.ended).toMatchObject({ code: 0, stderr: "" });
    }
  });

  test("lists what a bare host serves", async () => {
    const listed = await dragoman("agents", "--server", host.url);
    expect(linesOf(listed.stdout)[1]).toMatch(/^default +custom +ready +0 +Holds runs\.$/);
  });
});

describe.concurrent("what is refused", () => {
  test.each([
    [["add", "a"], 2, "missing required argument 'target'"],
    [["add", "a", "h:1", "--protocol", "smoke"], 2, "--protocol takes grpc, grpc-web or connect"],
    [["add", "a", "h:1", "--header", "hunter22"], 2, "--header takes <name>=<value>"],
    [["remove", "a", "--grace", "soon"], 2, "--grace takes a time such as"],
    [["add", "a", "10.0.0.1:1"], 1, "--allow-endpoint. (ENDPOINT_NOT_ALLOWED)"],
    [["add", "demo", "127.0.0.1:1"], 1, "(AGENT_EXISTS)"],
    [["remove", "nobody"], 1, "(AGENT_NOT_FOUND)"],
    [["remove", "demo"], 1, "(AGENT_BUILT_IN)"],
  ] as const)("agents %j", async (args, code, message) => {
    const result = await dragoman("agents", ...args);
    expect(result).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(message) });
    expect(result.stderr).not.toContain("hunter22");
  });

  test.each(["add", "remove", "watch"])("agents %s --help says what it takes", async (verb) => {
    const { code, stdout } = await dragoman("agents", verb, "--help");
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: dragoman agents ${verb}`);
  });
});
