import type { Agent } from "@dragoman/agent";
import { openMemoryStore } from "@dragoman/event-log";
import { expect, test } from "vitest";
import { item, newBatch, openServer, readToEnd, saying } from "./testing/harness.ts";

async function resultOf(agent: Agent) {
  const { batches, errors } = await openServer(await openMemoryStore(), agent);
  await batches.make(newBatch([item("0")]));
  const [result] = await readToEnd(batches);
  const got = await batches.get("default", "b", 0, "");
  expect(got.items, "what is returned is what was streamed").toEqual([result]);
  expect(errors).toEqual([]);
  return result;
}

test("a text that takes six bytes a character as JSON is cut further, and the batch ends", async () => {
  const letters = "\u0001".repeat(1_000_000);
  const result = await resultOf({
    async *run({ threadId, runId }) {
      yield* saying(letters);
      yield { type: "RUN_FINISHED", threadId, runId };
    },
  });
  expect(result).toMatchObject({ state: "succeeded", isContentCut: true });
  expect(result?.content).toBe(letters.slice(0, 512 * 1024));
});

test("a text that fits is not cut, and characters are not halved", async () => {
  const fits = "😀".repeat(500_000);
  const whole = await resultOf({
    async *run({ threadId, runId }) {
      yield* saying(fits);
      yield { type: "RUN_FINISHED", threadId, runId };
    },
  });
  expect(whole).toMatchObject({ content: fits, isContentCut: false });
  const letters = "\u0001".repeat(500_001);
  const halved = await resultOf({
    async *run({ threadId, runId }) {
      yield* saying(`${letters}${"😀".repeat(100_000)}`);
      yield { type: "RUN_FINISHED", threadId, runId };
    },
  });
  expect(halved?.content).toBe(`${letters}${"😀".repeat((512 * 1024 - 500_001 - 1) / 2)}`);
});

test("an error of megabytes, behind a long text, is cut too", async () => {
  const result = await resultOf({
    async *run() {
      yield* saying("x".repeat(1_048_576));
      yield { type: "RUN_ERROR", message: "e".repeat(2 * 1024 * 1024), code: "c".repeat(1_000_000) };
    },
  });
  expect(result).toMatchObject({ state: "failed", errorCode: "c".repeat(256) });
  expect(result?.errorMessage).toBe(`${"e".repeat(16 * 1024)}…`);
  expect(result?.run?.errorMessage).toBe(result?.errorMessage);
  expect(result?.content?.length).toBe(1_048_576);
});
