import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type StoreCase, storeConformance } from "@dragoman/event-log/conformance";
import { describe, test } from "vitest";
import { openSqliteStore } from "./open-sqlite-store.ts";

function conforms(cases: readonly StoreCase[], durability: "process" | "fsync"): void {
  for (const { category, name, run } of cases) {
    test(`${category}: ${name}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "dragoman-store-"));
      try {
        await run({ open: () => openSqliteStore({ folder, durability }) });
      } finally {
        await rm(folder, { recursive: true });
      }
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
