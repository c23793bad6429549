import { afterAll, beforeAll, expect, test } from "vitest";
import { type HeldAgent, startHeldAgent } from "../testing/held-agent.ts";
import { jsonLines, runCommand, startCommand } from "../testing/run-command.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let held: HeldAgent;
let server: TestServer;
beforeAll(async () => {
  held = await startHeldAgent();
  server = await startTestServer({ agent: [`held=ag-ui:${held.url}`] });
});
afterAll(async () => {
  await server.close();
  await held[Symbol.asyncDispose]();
});

const spawn = (...args: readonly string[]) => runCommand(["spawn", ...args, "--server", server.url]);

test("prints the answer; with --json all of it, and a retry prints the same", async () => {
  const plain = await spawn("demo", "what is 6 * 7?");
  expect(plain).toMatchObject({ code: 0, stdout: expect.stringContaining("42") });
  expect(plain.stderr).toMatch(/^session \S+\n$/);
  const args = ["demo", "what is 6 * 7?", "--task-id", "task-1", "--json"];
  const [answer] = jsonLines((await spawn(...args)).stdout);
  expect(answer).toMatchObject({ taskId: "task-1", outcome: "success", content: plain.stdout.trim() });
  expect(jsonLines((await spawn(...args)).stdout)).toEqual([answer]);
});

test("says by its exit code how the task ended", async () => {
  const failed = await spawn("demo", "fail with code OUT_OF_LUCK");
  expect(failed).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("(RUN_FAILED)") });
  const asked = await spawn("demo", "delete all notes");
  expect(asked).toMatchObject({ code: 3, stderr: expect.stringContaining("waits for an answer to") });
  const alone = await spawn("demo", "x", "--parent-run", "r");
  expect(alone).toMatchObject({ code: 2, stderr: expect.stringContaining("--parent-session") });
  expect(await spawn("demo", "x", "--parent-session", "nowhere")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("SESSION_NOT_FOUND"),
  });
});

test("is cancelled with its parent", async () => {
  const env = { DRAGOMAN_SERVER: server.url };
  const parent = startCommand(["run", "held", "hi", "--session", "s", "--run", "parent"], env);
  await held.called("parent");
  const child = startCommand(["spawn", "held", "hold", "--parent-session", "s", "--task-id", "child"], env);
  await held.called("child");
  expect(await runCommand(["cancel", "s"], env)).toMatchObject({ code: 0 });
  expect(await child.ended).toMatchObject({ code: 4, stdout: "" });
  expect(await parent.ended).toMatchObject({ code: 4, stdout: expect.stringContaining("⤷ held") });
});
