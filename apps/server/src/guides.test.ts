import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandsIn, examplesIn, linksIn, projectFolder, runLine } from "./testing/documentation.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

const folder = join(projectFolder, "docs/guides");
/** Examples that serve until they are stopped; they have tests of their own. */
const servers = ["examples/src/write-an-agent.ts"];
/** The first command that needs what is built may build it. */
const timeoutMs = 180_000;

describe.each(readdirSync(folder).filter((name) => name.endsWith(".md")))("the guide %s", (name) => {
  const page = readFileSync(join(folder, name), "utf8");
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ testAgents: false });
  });
  afterAll(() => server.close());

  const commands = commandsIn(page, "sh client");
  const examples = examplesIn(page).filter((path) => !servers.includes(path));

  // One after another: later ones read what earlier ones left.
  // The command line from its sources: what builds it first is tested with the read-me.
  const commandLine = `"${process.execPath}" --conditions=source apps/server/src/main.ts`;
  test.runIf(commands.length > 0).each(commands)("%s", { timeout: timeoutMs }, async (command) => {
    const line = command.replaceAll("npm run --silent dragoman --", commandLine);
    const { code, stdout, stderr } = await runLine(line, server.url);
    expect(code, stderr).toBe(0);
    expect(stdout).not.toBe("");
  });

  test.runIf(examples.length > 0).each(examples)("%s runs", { timeout: timeoutMs }, async (path) => {
    const line = `"${process.execPath}" --conditions=source ${path}`;
    const { code, stdout, stderr } = await runLine(line, server.url);
    expect(code, stderr).toBe(0);
    expect(stdout).not.toBe("");
  });

  test("links to nothing that is not there", () => {
    for (const path of linksIn(page)) {
      expect(statSync(join(folder, path), { throwIfNoEntry: false }), path).toBeDefined();
    }
  });
});
