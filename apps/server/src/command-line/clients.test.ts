import { spawn } from "node:child_process";
import { once } from "node:events";
import { createFaultProxy } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mainFile } from "../testing/child-server.ts";
import { jsonLines, linesOf, runCommand, startCommand } from "../testing/run-command.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const dragoman = (...args: readonly string[]) => runCommand(args, { DRAGOMAN_SERVER: server.url });
const typesIn = (stdout: string) => jsonLines(stdout).map((event) => (event as { type: string }).type);

describe("dragoman run", () => {
  test("prints the answer; the session it was in goes beside it", async () => {
    const result = await dragoman("run", "demo", "What is 6 * 7?");
    expect(result.code).toBe(0);
    expect(result.stdout).toMatch(/→ calculate\(.*\)\n← .*42.*\n.*42.*\n$/);
    expect(result.stderr).toMatch(/^session \S+\n$/);
  });

  test("--json prints one event a line and nothing else", async () => {
    const result = await dragoman("run", "demo", "say hello", "--session", "json", "--json");
    expect(result).toMatchObject({ code: 0, stderr: "" });
    const types = typesIn(result.stdout);
    expect(types.at(0)).toBe("RUN_STARTED");
    expect(types.at(-1)).toBe("RUN_FINISHED");
  });

  test("goes on with a session, and joins a run that exists", async () => {
    await dragoman("run", "demo", "add milk to the list", "--session", "list");
    const shown = ["run", "demo", "show the list", "--session", "list", "--run", "r2", "--json"] as const;
    const first = await dragoman(...shown);
    expect(first.stdout).toContain("milk");
    expect((await dragoman(...shown)).stdout).toBe(first.stdout);
  });

  test("exit codes: 1 failed, 3 waits for an answer, 4 cancelled", async () => {
    const [failed, waits] = await Promise.all([
      dragoman("run", "demo", "fail with code OUT_OF_LUCK"),
      dragoman("run", "demo", "delete all notes"),
    ]);
    expect(failed).toMatchObject({ code: 1, stdout: expect.stringContaining("OUT_OF_LUCK") });
    expect(waits.code).toBe(3);
    expect(waits.stdout).toMatch(/The run waits for an answer to \S+: May I delete all notes\?/);
    const run = startCommand(["run", "demo", "count to 100 slowly", "--session", "stopped"], {
      DRAGOMAN_SERVER: server.url,
    });
    await run.printed("1 2");
    run.signal("SIGINT");
    const cancelled = await run.ended;
    expect(cancelled.code).toBe(4);
    expect(cancelled.stdout).toMatch(/^1 2.*\nThe run was cancelled\.\n$/);
    const { stdout } = await dragoman("runs", "--session", "stopped", "--json");
    expect(jsonLines(stdout)).toMatchObject([{ state: "RUN_STATE_CANCELED" }]);
  });

  test("an agent that is not there", async () => {
    expect(await dragoman("run", "nobody", "hello")).toEqual({
      code: 1,
      stdout: "",
      stderr: 'there is no agent "nobody" (AGENT_NOT_FOUND)\n',
    });
  });

  test("follows its run over whatever cuts the connection, and says nothing twice", async () => {
    await using proxy = await createFaultProxy({ port: Number(new URL(server.url).port) });
    const run = startCommand(["run", "demo", "count to 60 every 20 ms"], { DRAGOMAN_SERVER: proxy.url });
    for (const place of ["10 11", "30 31"]) {
      await run.printed(place);
      proxy.cut();
    }
    const numbers = Array.from({ length: 60 }, (_, index) => index + 1);
    expect(await run.ended).toMatchObject({ code: 0, stdout: `${numbers.join(" ")}\n` });
    expect(proxy.acceptedCount).toBeGreaterThan(2);
  });

  test("a reader that has had enough is no failure", async () => {
    const args = ["--conditions=source", mainFile, "run", "demo", "count to 600 every 5 ms", "--json"];
    const env = { ...process.env, DRAGOMAN_SERVER: server.url };
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    let problem = "";
    child.stderr.on("data", (data) => {
      problem += data;
    });
    await once(child.stdout, "data");
    child.stdout.destroy();
    const [code] = await once(child, "close");
    expect([code, problem]).toEqual([0, ""]);
  });
});

describe("dragoman observe", () => {
  const session = "observed";
  beforeAll(() => dragoman("run", "demo", "say hello", "--session", session));

  test("prints what happened, from the beginning or after an event", async () => {
    const whole = await dragoman("observe", session, "--json");
    expect(whole.code).toBe(0);
    const rest = await dragoman("observe", session, "--after", "2", "--json");
    expect(jsonLines(rest.stdout)).toEqual(jsonLines(whole.stdout).slice(2));
    const readable = await dragoman("observe", session);
    expect(readable.stdout).toContain("hello");
  });

  test("--snapshot begins with one", async () => {
    const { stdout } = await dragoman("observe", session, "--snapshot", "--json");
    expect(typesIn(stdout)).toEqual(["RUN_STARTED", "MESSAGES_SNAPSHOT", "STATE_SNAPSHOT", "RUN_FINISHED"]);
  });

  test("has the exit code of the last run", async () => {
    await dragoman("run", "demo", "delete all notes", "--session", "asked");
    expect((await dragoman("observe", "asked")).code).toBe(3);
  });

  test("--follow stays until Ctrl-C, and sees what comes", async () => {
    const follow = startCommand(["observe", "followed", "--follow"], { DRAGOMAN_SERVER: server.url });
    expect(await follow.ended).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("SESSION_NOT_FOUND"),
    });
    await dragoman("run", "demo", "say hello", "--session", "followed");
    const again = startCommand(["observe", "followed", "--follow"], { DRAGOMAN_SERVER: server.url });
    await again.printed("hello");
    await dragoman("run", "demo", "count to 3", "--session", "followed");
    await again.printed("1 2 3");
    again.signal("SIGINT");
    expect((await again.ended).code).toBe(0);
  });
});

describe("dragoman runs, sessions, agents and cancel", () => {
  test("lists for people", async () => {
    await dragoman("run", "demo", "say hello", "--session", "listed", "--run", "only");
    const runs = await dragoman("runs", "--session", "listed");
    const [heading, ...rows] = linesOf(runs.stdout);
    expect(heading).toMatch(/^RUN +SESSION +AGENT +STATE +CREATED$/);
    expect(rows).toEqual([expect.stringMatching(/^only +listed +demo +succeeded +\d{4}-\d\d-\d\dT[\d:]+Z$/)]);
    const sessions = await dragoman("sessions", "--limit", "1");
    expect(linesOf(sessions.stdout)).toHaveLength(2);
    const agents = await dragoman("agents");
    expect(agents.stdout).toMatch(
      /^AGENT +KIND +STATE +RUNS +DESCRIPTION\ndemo +demo +ready +\d+ +A deterministic/,
    );
  });

  test("lists for programs", async () => {
    await dragoman("run", "demo", "say hello", "--session", "programs", "--run", "only");
    const [runs, sessions, agents] = await Promise.all([
      dragoman("runs", "--session", "programs", "--json"),
      dragoman("sessions", "--json"),
      dragoman("agents", "--json"),
    ]);
    expect(jsonLines(runs.stdout)).toMatchObject([{ runId: "only", sessionId: "programs", agentId: "demo" }]);
    expect(jsonLines(sessions.stdout)).toContainEqual(expect.objectContaining({ sessionId: "programs" }));
    expect(jsonLines(agents.stdout)).toMatchObject([{ agentId: "demo" }, { agentId: "script" }, {}]);
    const none = await dragoman("runs", "--agent", "nobody", "--json");
    expect(none).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("cancel ends a run", async () => {
    const env = { DRAGOMAN_SERVER: server.url };
    const run = startCommand(
      ["run", "demo", "count to 100 slowly", "--session", "cancelled", "--run", "r"],
      env,
    );
    await run.printed("1");
    const result = await dragoman("cancel", "cancelled");
    expect(result).toMatchObject({ code: 0, stdout: expect.stringMatching(/^r (running|canceled)\n$/) });
    expect((await run.ended).code).toBe(4);
    expect(await dragoman("cancel", "cancelled", "r")).toMatchObject({ code: 0, stdout: "r canceled\n" });
    expect(await dragoman("cancel", "cancelled", "other")).toMatchObject({ code: 1, stdout: "" });
  });
});

describe.concurrent("wrong usage", () => {
  test.each([
    [["run", "demo"], "missing required argument 'text'"],
    [["run", "demo", "hi", "there"], "too many arguments"],
    [["runs", "--bogus"], "unknown option '--bogus'"],
    [["bogus"], "unknown command 'bogus'"],
    [["runs", "--limit", "none"], "--limit takes a whole number from 1 to 1000"],
    [["sessions", "--limit", "1001"], "--limit takes a whole number"],
    [["observe", "s", "--after", "-1"], "--after takes the sequence of an event"],
    [["agents", "--server", "nonsense"], "--server (or DRAGOMAN_SERVER) takes an http or https URL"],
    [["agents", "--server", "https://127.0.0.1:1", "--ca", "/nowhere"], "--ca names /nowhere"],
    [["agents", "--server", "https://127.0.0.1:1", "--key", mainFile], "--cert and --key go together"],
    [["agents", "--ca", mainFile], "are for servers with TLS"],
  ] as const)("%j", async (args, message) => {
    const result = await dragoman(...args);
    expect(result).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(message) });
    expect(result.stderr).not.toMatch(/^ +at /m);
  });

  test("no command at all shows what there is", async () => {
    const { code, stderr } = await dragoman();
    expect(code).toBe(2);
    for (const name of ["serve", "run", "observe", "runs", "sessions", "agents", "cancel"]) {
      expect(stderr).toMatch(new RegExp(`^  ${name} `, "m"));
    }
  });

  test.each(["serve", "run", "observe", "runs", "sessions", "agents", "cancel"])(
    "%s --help has examples",
    async (name) => {
      const result = await dragoman(name, "--help");
      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect(result.stdout).toContain(`Usage: dragoman ${name}`);
      expect(result.stdout).toMatch(new RegExp(`Examples:\n(.*\n)*  (\\S+=\\S+ )*dragoman ${name}`));
    },
  );

  test("nobody answers", async () => {
    for (const args of [["agents"], ["run", "demo", "hi"], ["observe", "s"]]) {
      const result = await runCommand(args, { DRAGOMAN_SERVER: "http://127.0.0.1:1" });
      expect(result).toMatchObject({ code: 5, stdout: "" });
      expect(result.stderr).toMatch(
        /^No server answers at http:\/\/127\.0\.0\.1:1 \(.*\)\. Start one with .*\n$/,
      );
    }
  });
});
