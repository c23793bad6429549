import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Store } from "@dragoman/event-log";
import { onTestFinished } from "vitest";
import { openSqliteStore, type SqliteStoreOptions } from "../open-sqlite-store.ts";

// Every store that a test opens starts two threads, each of which would compile our TypeScript anew.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(
  new URL("../../node_modules/.cache/compile", import.meta.url),
);

/** Makes a folder that is gone when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "dragoman-store-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Opens a store that is closed when the test is over, if the test did not close it. */
export async function openForTest(options: SqliteStoreOptions): Promise<Store> {
  const store = await openSqliteStore(options);
  onTestFinished(() => store.close());
  return store;
}
