import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jsonLines, linesOf, runCommand } from "../testing/run-command.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const sessions = (...args: string[]) => runCommand(["sessions", ...args], { DRAGOMAN_SERVER: server.url });

describe("dragoman sessions", () => {
  test("makes one, shows it, and ends it", async () => {
    const made = await sessions("create", "c1", "--state", '{"a":1}', "--metadata", '{"team":"x"}', ...times);
    expect(made).toMatchObject({ code: 0, stdout: "c1\n", stderr: "" });
    const [shown] = jsonLines((await sessions("get", "c1", "--json")).stdout);
    expect(shown).toMatchObject({
      sessionId: "c1",
      state: "SESSION_STATE_ACTIVE",
      expireTime: expect.any(String),
      options: {
        expireAfter: "2592000s",
        idleTimeout: "43200s",
        retention: "0.500s",
        messageCountMax: 9,
        metadata: { team: "x" },
      },
    });
    const text = await sessions("get", "c1");
    expect(text).toMatchObject({ code: 0, stdout: expect.stringMatching(/^session +c1\nstate +active\n/) });
    expect(text.stdout).toMatch(/^expires +\d{4}-\d\d-\d\dT/m);
    const active = jsonLines((await sessions("--state", "active", "--json")).stdout);
    expect(active).toContainEqual(expect.objectContaining({ sessionId: "c1" }));
    expect(await sessions("end", "c1", "--drop-state")).toMatchObject({ code: 0, stdout: "c1 ended\n" });
    expect((await sessions("list", "--state", "expired", "--json")).stdout).toBe("");
  });

  test("prints the messages of the history", async () => {
    const env = { DRAGOMAN_SERVER: server.url };
    await runCommand(["run", "demo", "say hello", "--session", "told"], env);
    const told = linesOf((await sessions("messages", "told")).stdout);
    expect(told).toEqual(["user: say hello", expect.stringMatching(/^assistant: hello/i)]);
    const asJson = jsonLines((await sessions("messages", "told", "--json", "--all-roles")).stdout);
    expect(asJson).toMatchObject([
      { role: "user", content: "say hello", id: expect.any(String) },
      { role: "assistant" },
    ]);
  });

  test("an id that is made, and one that is taken", async () => {
    const made = linesOf((await sessions("create")).stdout);
    expect(made).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
    const taken = await sessions("create", made[0] ?? "");
    expect(taken).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("SESSION_EXISTS") });
    for (const verb of ["get", "end", "messages"]) {
      const none = await sessions(verb, "nowhere");
      expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining("SESSION_NOT_FOUND") });
    }
  });
});

const times = [
  "--expire-after",
  "30d",
  "--idle-timeout",
  "12h",
  "--retention",
  "500ms",
  "--max-messages",
  "9",
];

describe.concurrent("wrong usage of dragoman sessions", () => {
  test.each([
    [["get"], "missing required argument 'session'"],
    [["create", "--idle-timeout", "soon"], "--idle-timeout takes a time such as"],
    [["create", "--metadata", "[1]"], "--metadata takes a JSON object"],
    [["create", "--state", "{"], "--state takes JSON"],
    [["create", "--max-messages", "0"], "--max-messages takes a whole number"],
    [["--state", "gone"], "--state takes active, ended or expired"],
    [["bogus"], "too many arguments"],
  ] as const)("%j", async (args, message) => {
    const result = await sessions(...args);
    expect(result).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(message) });
  });
});
