import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, startProcess, withTimeout } from "@dragoman/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandsIn, linksIn, projectFolder as root, runLine } from "./testing/documentation.ts";
import { runCommand } from "./testing/run-command.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

const readme = readFileSync(join(root, "README.md"), "utf8");
/** The first command that needs what is built may build it. */
const timeoutMs = 180_000;

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ testAgents: false });
});
afterAll(() => server.close());

const shell = (line: string) => runLine(line, server.url);

describe("the read-me", () => {
  const commands = commandsIn(readme, "sh client");

  test("has commands to try", () => {
    expect(commands.length).toBeGreaterThan(5);
  });

  // One after another: later ones read what earlier ones left.
  test.each(commands)("%s", { timeout: timeoutMs }, async (command) => {
    const { code, stdout, stderr } = await shell(command);
    expect(code, stderr).toBe(0);
    expect(stdout).not.toBe("");
  });

  test("quotes the examples as they are", async () => {
    expect(await shell("node scripts/quote-examples.mjs --check")).toMatchObject({ code: 0, stdout: "" });
  });

  test("links to nothing that is not there", () => {
    const links = linksIn(readme);
    expect(links.length).toBeGreaterThan(5);
    for (const path of links) expect(() => readFileSync(join(root, path)), path).not.toThrow(/ENOENT/);
  });
});

describe("the examples", () => {
  const example = (name: string) => join(root, "examples/src", name);
  const run = (name: string) =>
    shell(`"${process.execPath}" --conditions=source "${example(name)}"`).then(({ code, stdout, stderr }) => {
      expect(code, stderr).toBe(0);
      return stdout;
    });

  test("generated-client.ts", async () => {
    const said = (await run("generated-client.ts")).trim().split("\n");
    expect(said[0]).toBe("1n runStarted");
    expect(said.at(-1)).toMatch(/^\d+n runFinished$/);
    expect(said.join("")).toContain("42");
  });

  test("resuming-client.ts", async () => {
    expect(await run("resuming-client.ts")).toBe("1 2 3 4 5\n");
  });

  test("http-agent.ts", async () => {
    expect(await run("http-agent.ts")).toContain("42");
  });

  test("write-an-agent.ts, and a server in front of it", async () => {
    const port = await freePort();
    await using agent = await startProcess({
      program: example("write-an-agent.ts"),
      env: { PORT: String(port) },
      ready: /an agent is listening on (\S+)/,
    });
    expect(agent.ready[1]).toBe(`http://127.0.0.1:${port}`);
    await using front = await startTestServer({ agent: [`mine=grpc:127.0.0.1:${port}`] });
    const called = await runCommand(["run", "mine", "Hello there"], { DRAGOMAN_SERVER: front.url });
    expect(called).toMatchObject({ code: 0, stdout: "You said: Hello there\n" });
    const direct = await runCommand(["run", "default", "Hello there"], {
      DRAGOMAN_SERVER: agent.ready[1] ?? "",
    });
    expect(direct, "a bare host is a server like any other").toMatchObject({
      code: 0,
      stdout: called.stdout,
    });
  });
});

describe("npm start", () => {
  test("serves from the clone", { timeout: timeoutMs }, async () => {
    const child = spawn("npm", ["start", "--", "--port", "0", "--memory"], {
      cwd: root,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    try {
      const url = await urlOf(child);
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
    } finally {
      // The whole group, as Ctrl-C in a terminal does.
      if (child.pid) process.kill(-child.pid, "SIGINT");
      await withTimeout(new Promise((resolve) => child.once("close", resolve)), "the end of npm start");
    }
  });

  function urlOf(child: ChildProcess): Promise<string> {
    let printed = "";
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", () => reject(new Error(`npm start ended:\n${printed}`)));
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding("utf8").on("data", (data: string) => {
          printed += data;
          const url = /is serving on (\S+) /.exec(printed)?.[1];
          if (url) resolve(url);
        });
      }
    });
  }
});
