import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inputFromMessage } from "@dragoman/agui";
import { createTempFolder, type TempFolder } from "@dragoman/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { UsageError } from "../usage-error.ts";
import { readBatchFile } from "./read-batch-file.ts";

let folder: TempFolder;
beforeAll(async () => {
  folder = await createTempFolder();
});
afterAll(() => folder.remove());

function read(lines: readonly string[]) {
  const path = join(folder.path, "items.jsonl");
  writeFileSync(path, lines.join("\n"));
  return readBatchFile(path, "default agent").map(({ agentId, input }) => {
    return { agentId, input: input && inputFromMessage(input) };
  });
}

test("a line is what to say, with or without its agent, or a whole input", () => {
  const said = (content: string) => [{ id: "user", role: "user", content }];
  const messages = [{ id: "m", role: "user", content: "three" }];
  const items = read([
    '"one"',
    "",
    '{"message": "two", "agentId": "a"}',
    JSON.stringify({ input: { messages } }),
  ]);
  expect(items).toMatchObject([
    { agentId: "default agent", input: { threadId: "", runId: "", messages: said("one") } },
    { agentId: "a", input: { messages: said("two") } },
    { agentId: "default agent", input: { messages } },
  ]);
});

test.each([
  "5",
  "null",
  "[]",
  "{}",
  "not JSON",
  '{"message": 1}',
  '{"message": "a", "input": {}}',
  '{"message": "a", "other": 1}',
  '{"message": "a", "agentId": 1}',
  '{"input": 1}',
])("the line %s is no item, and the error names it", (line) => {
  expect(() => read(['"good"', line])).toThrow(UsageError);
  expect(() => read(['"good"', line])).toThrow("items.jsonl:2 is no item");
});

test("a file without items, and one that is not there", () => {
  expect(() => read(["", " "])).toThrow("has no items");
  expect(() => readBatchFile(join(folder.path, "absent"), "")).toThrow("cannot be read (ENOENT)");
});
