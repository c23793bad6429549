import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createAgentClient } from "@dragoman/client/node";
import { BatchState } from "@dragoman/contract/orchestrator/v1/batch_pb";
import { createFaultProxy, createTempFolder, type TempFolder, waitUntil } from "@dragoman/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { jsonLines, linesOf, runCommand, startCommand } from "../testing/run-command.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

let server: TestServer;
let folder: TempFolder;

beforeAll(async () => {
  server = await startTestServer();
  folder = await createTempFolder();
});
afterAll(async () => {
  await server.close();
  await folder.remove();
});

const dragoman = (...args: readonly string[]) => runCommand(args, { DRAGOMAN_SERVER: server.url });

/** A file with these values, one a line. */
function fileOf(name: string, values: readonly unknown[]): string {
  const path = join(folder.path, name);
  writeFileSync(path, values.map((value) => `${JSON.stringify(value)}\n`).join("\n"));
  return path;
}

/** An item that goes on for a minute. */
const held = {
  agentId: "script",
  input: {
    forwardedProps: {
      script: [
        { type: "CUSTOM", name: "n", value: 1 },
        { type: "RUN_FINISHED", threadId: "any", runId: "any" },
      ],
      delayMs: 60_000,
    },
  },
};

test("run prints the answers; how it ended goes beside them", async () => {
  const path = fileOf("good.jsonl", [
    "What is 6 * 7?",
    { message: "say hello", agentId: "demo" },
    { input: { messages: [{ id: "m", role: "user", content: "What is 1 + 1?" }] } },
  ]);
  const { code, stdout, stderr } = await dragoman("batch", "run", path, "--agent", "demo", "--id", "good");
  expect(code, stderr).toBe(0);
  const lines = linesOf(stdout).sort();
  expect(lines[0]).toMatch(/^0: .*42/);
  expect(lines[1]).toMatch(/^1: /);
  expect(lines[2]).toMatch(/^2: .*2/);
  expect(stderr).toBe("batch good completed: 3 succeeded\n");
  const [got, again, other, list, listed, cancelled] = await Promise.all([
    dragoman("batch", "get", "good"),
    dragoman("batch", "run", path, "--agent", "demo", "--id", "good", "--json"),
    dragoman("batch", "run", fileOf("other.jsonl", ["other"]), "--id", "good"),
    dragoman("batch", "list"),
    dragoman("batch", "list", "--json"),
    dragoman("batch", "cancel", "good"),
  ]);
  expect(linesOf(got.stdout)).toEqual(lines);
  expect(jsonLines(again.stdout), "the same batch again joins it").toMatchObject([
    { runId: expect.any(String), state: "BATCH_ITEM_STATE_SUCCEEDED" },
    { index: 1 },
    { index: 2 },
  ]);
  expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining("BATCH_EXISTS") });
  expect(list.stdout).toMatch(/^good +completed +3 +3 succeeded +\d{4}-/m);
  expect(jsonLines(listed.stdout)).toContainEqual(expect.objectContaining({ batchId: "good", itemCount: 3 }));
  expect(cancelled).toMatchObject({ code: 0, stdout: "good completed\n" });
});

test("exit codes: 1 where an item failed, 3 where one waits for an answer", async () => {
  const failing = fileOf("failing.jsonl", ["fail with code OUT_OF_LUCK", "say hello"]);
  const asking = fileOf("asking.jsonl", ["delete all notes"]);
  const [failed, waits] = await Promise.all([
    dragoman("batch", "run", failing, "--stop-on-failure", "--parallel", "1"),
    dragoman("batch", "run", asking),
  ]);
  expect(failed.code).toBe(1);
  expect(linesOf(failed.stdout)).toEqual([
    expect.stringMatching(/^0: failed: .*\(OUT_OF_LUCK\)$/),
    "1: canceled: It never began: the batch stopped at the first failure. (BATCH_STOPPED)",
  ]);
  expect(failed.stderr).toContain("stopped: 1 failed, 1 cancelled");
  expect(waits).toMatchObject({ code: 3, stderr: expect.stringContaining("1 waiting") });
});

test("Ctrl-C cancels the batch; so does cancel", async () => {
  const path = fileOf("held.jsonl", [held]);
  const client = createAgentClient({ baseUrl: server.url });
  const runs = (id: string) => async () => {
    const { batches } = await client.batches.listBatches({ state: BatchState.RUNNING });
    return batches.some(({ batchId }) => batchId === id);
  };
  try {
    for (const id of ["interrupted", "cancelled"]) {
      const command = startCommand(["batch", "run", path, "--id", id], { DRAGOMAN_SERVER: server.url });
      await waitUntil(runs(id), "the batch");
      if (id === "interrupted") command.signal("SIGINT");
      else expect((await dragoman("batch", "cancel", id)).code).toBe(0);
      expect(await command.ended).toMatchObject({ code: 4, stderr: expect.stringContaining("canceled") });
    }
  } finally {
    client.close();
  }
});

test("follows a batch over a cut connection, and shows each result once", async () => {
  const proxy = await createFaultProxy({ port: Number(new URL(server.url).port) });
  try {
    const slow = { ...held, input: { forwardedProps: { ...held.input.forwardedProps, delayMs: 300 } } };
    const path = fileOf("cut.jsonl", [slow, slow, slow]);
    const command = startCommand(["batch", "run", path, "--parallel", "1", "--json"], {
      DRAGOMAN_SERVER: proxy.url,
    });
    await command.printed('"index":0');
    proxy.cut();
    const { code, stdout, stderr } = await command.ended;
    expect(code, stderr).toBe(0);
    const indexes = jsonLines(stdout).map((result) => (result as { index: number }).index);
    expect(indexes).toEqual([0, 1, 2]);
  } finally {
    await proxy[Symbol.asyncDispose]();
  }
});

test("says what is wrong before anything is sent", async () => {
  const good = fileOf("good2.jsonl", ["good"]);
  const [line, parallel, absent] = await Promise.all([
    dragoman("batch", "run", fileOf("bad.jsonl", ["good", 5])),
    dragoman("batch", "run", good, "--parallel", "0"),
    dragoman("batch", "get", "absent"),
  ]);
  expect(line).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("bad.jsonl:3 is no item"),
  });
  expect(parallel).toMatchObject({ code: 2, stderr: expect.stringContaining("--parallel takes") });
  expect(absent).toMatchObject({ code: 1, stderr: expect.stringContaining("BATCH_NOT_FOUND") });
});
