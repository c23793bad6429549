import { execFileSync } from "node:child_process";
import { type EventLog, type LogHead, type Store, StoreFullError } from "@dragoman/event-log";
import { describe, expect, onTestFinished, test } from "vitest";
import { openSqliteStore } from "./open-sqlite-store.ts";
import { startChild } from "./testing/child.ts";
import { openForTest, temporaryFolder } from "./testing/folder.ts";

const key = { namespace: "default", id: "a" };
const mebibyte = 1024 * 1024;

function append(log: EventLog, id: string, head: LogHead, bytes: number): Promise<LogHead> {
  const next = head.headSequence + 1;
  const chunks = [{ firstSequence: next, lastSequence: next, bytes: new Uint8Array(bytes).fill(next) }];
  const value = new TextEncoder().encode(String(next));
  const entry = {
    namespace: "default",
    kind: "session",
    parent: "",
    id,
    label: "",
    state: "",
    order: 0,
    value,
  };
  return log.append(
    { namespace: "default", id },
    { ...head, chunks, records: [value], catalog: [{ put: entry }] },
  );
}

/** Appends until the store is full, and returns the last head. */
async function fill(store: Store): Promise<LogHead> {
  let head = await store.log.acquire(key);
  for (;;) {
    try {
      head = await append(store.log, "a", head, 100_000);
    } catch (error) {
      expect(error).toBeInstanceOf(StoreFullError);
      return head;
    }
  }
}

/** Checks that log, records and catalog end with the same append. */
async function expectWhole({ log, catalog }: Store, head: LogHead): Promise<void> {
  expect(await log.head(key)).toEqual(head);
  const { chunks } = await log.read(key, { after: head.headSequence - 1 });
  expect(chunks.map(({ lastSequence }) => lastSequence)).toEqual([head.headSequence]);
  expect(chunks[0]?.bytes.every((byte) => byte === head.headSequence % 256)).toBe(true);
  expect((await log.readRecords(key, { after: head.headRecord - 1 })).records).toHaveLength(1);
  const entry = await catalog.get({ namespace: "default", kind: "session", parent: "", id: "a" });
  expect(Buffer.from(entry!.value).toString()).toBe(String(head.headSequence));
}

/** Mounts a small file system, and returns its folder; undefined where that is not allowed. */
function smallDisk(sizeBytes: number): string | undefined {
  const folder = temporaryFolder();
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeBytes}`, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  onTestFinished(() => {
    execFileSync("umount", ["--lazy", folder]);
  });
  return folder;
}

describe("a store that reached maxBytes", () => {
  test("refuses appends whole, goes on reading, and takes appends again after a trim", async () => {
    const folder = temporaryFolder();
    const store = await openForTest({ folder, maxBytes: 2 * mebibyte });
    const head = await fill(store);
    expect(head.headSequence).toBeGreaterThan(10);
    await expectWhole(store, head);
    await expect(append(store.log, "a", head, 100_000)).rejects.toThrow("maxBytes");
    await store.close();
    const again = await openForTest({ folder, maxBytes: 2 * mebibyte });
    await expectWhole(again, head);
    const { epoch } = await again.log.acquire(key);
    const trimmed = await again.log.trim(key, head.headSequence);
    expect(trimmed.firstSequence).toBe(head.headSequence);
    await expectWhole(again, await append(again.log, "a", { ...trimmed, epoch }, 100_000));
  });

  test("refuses the append that is too large and no other of its group", async () => {
    const { log } = await openForTest({ folder: temporaryFolder(), maxBytes: 2 * mebibyte });
    const ids = ["a", "b", "c", "d"];
    const heads = await Promise.all(ids.map((id) => log.acquire({ namespace: "default", id })));
    const sizes = [1000, 3 * mebibyte, 1000, 3 * mebibyte];
    const outcomes = await Promise.allSettled(ids.map((id, i) => append(log, id, heads[i]!, sizes[i]!)));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected"]);
    const stored = await Promise.all(ids.map((id) => log.head({ namespace: "default", id })));
    expect(stored.map((head) => head?.headSequence)).toEqual([1, 0, 1, 0]);
  });

  test("can be opened with more", async () => {
    const folder = temporaryFolder();
    const store = await openForTest({ folder, maxBytes: mebibyte });
    const head = await fill(store);
    await store.close();
    const larger = await openForTest({ folder, maxBytes: 4 * mebibyte });
    await expectWhole(larger, await append(larger.log, "a", head, 100_000));
  });
});

describe("a full disk", () => {
  test("refuses appends whole, goes on reading, and takes appends again once there is room", async ({
    skip,
  }) => {
    const folder = smallDisk(12 * mebibyte) ?? skip("mounting a small file system is not allowed here");
    const store = await openForTest({ folder });
    const head = await fill(store);
    expect(head.headSequence).toBeGreaterThan(10);
    await expectWhole(store, head);
    await store.close();
    const again = await openSqliteStore({ folder });
    await expectWhole(again, head);
    await again.close();
    execFileSync("mount", ["-o", `remount,size=${64 * mebibyte}`, folder]);
    const roomy = await openForTest({ folder });
    const { epoch } = await roomy.log.acquire(key);
    await expectWhole(roomy, await append(roomy.log, "a", { ...head, epoch }, 100_000));
    await roomy.close();
  });
});

describe("a disk that fails", () => {
  test("ends writing for good, since nobody knows what was written, but not reading", async () => {
    const folder = temporaryFolder();
    // Writing beyond this size fails with EFBIG, which SQLite takes for a broken disk.
    const child = startChild("append-until-failure", [folder], "trap '' XFSZ; ulimit -S -f 4000");
    const acknowledged = Number(await child.nextLine());
    expect(acknowledged).toBeGreaterThan(10);
    expect(await child.nextLine()).toBe("StoreFailedError");
    execFileSync("prlimit", ["--pid", String(child.process.pid), "--fsize=unlimited"]);
    child.process.stdin?.end();
    expect(await child.nextLine()).toBe("StoreFailedError");
    expect(await child.nextLine()).toBe(`read ${acknowledged}`);
    expect(await child.exit()).toBe(0);
    const store = await openForTest({ folder });
    const head = await store.log.acquire(key);
    expect(head.headSequence).toBeGreaterThanOrEqual(acknowledged);
    await append(store.log, "a", head, 1000);
  });
});
