import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type StoreCase, storeConformance } from "@dragoman/event-log/conformance";
import { describe, expect, test } from "vitest";
import { openSqliteStore } from "./open-sqlite-store.ts";
import { openForTest, temporaryFolder } from "./testing/folder.ts";

const key = { namespace: "default", id: "a" };

function conforms(cases: readonly StoreCase[], durability: "process" | "fsync"): void {
  for (const { category, name, run } of cases) {
    test(`${category}: ${name}`, () => {
      const folder = temporaryFolder();
      return run({ open: () => openSqliteStore({ folder, durability }) });
    });
  }
}

describe("the embedded store conforms", () => {
  conforms(storeConformance, "process");
});

describe("the embedded store conforms when it flushes the disk", () => {
  // The rest is the same code on the same data.
  const writing = ["concurrency", "reopen"];
  conforms(
    storeConformance.filter(({ category }) => writing.includes(category)),
    "fsync",
  );
});

describe("options", () => {
  test.each([
    ["maxBytes", { maxBytes: 0 }],
    ["maxChunkBytes", { maxChunkBytes: -1 }],
    ["durability", { durability: JSON.parse('"eventual"') }],
  ])("that are out of range are refused: %s", async (name, options) => {
    const folder = temporaryFolder();
    await expect(openSqliteStore({ folder, ...options })).rejects.toThrow(RangeError);
    await expect(openSqliteStore({ folder, ...options })).rejects.toThrow(name);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("say how new logs are named, and what is told of durability", async () => {
    const store = await openForTest({
      folder: temporaryFolder(),
      durability: "fsync",
      createLogId: () => "log-1",
    });
    expect((await store.log.acquire(key)).logId).toBe("log-1");
    expect(store.durability).toBe("fsync");
    expect((await openForTest({ folder: temporaryFolder() })).durability).toBe("process");
  });
});

describe("while the writer waits for the disk", () => {
  test("reads go on, and what is appended meanwhile is there afterwards", async () => {
    const folder = temporaryFolder();
    const { log } = await openForTest({ folder });
    const { epoch } = await log.acquire(key);
    const append = (sequence: number) => {
      const chunks = [{ firstSequence: sequence, lastSequence: sequence, bytes: new Uint8Array(sequence) }];
      return log.append(key, { epoch, chunks, records: [], catalog: [] });
    };
    await append(1);
    // Another program, such as a backup, that keeps the writer waiting.
    const other = new DatabaseSync(join(folder, "store.db"));
    other.exec("BEGIN IMMEDIATE");
    const appends = Array.from({ length: 50 }, (_, i) => append(i + 2));
    expect((await log.head(key))?.headSequence).toBe(1);
    expect((await log.read(key, { after: 0 })).chunks).toHaveLength(1);
    const waiting = log.read(key, { after: 1, waitMs: 60_000 });
    other.exec("ROLLBACK");
    other.close();
    const heads = await Promise.all(appends);
    expect(heads.at(-1)?.headSequence).toBe(51);
    expect((await waiting).chunks[0]?.firstSequence).toBe(2);
  });
});
