import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StoreInUseError } from "@dragoman/event-log";
import { describe, expect, test } from "vitest";
import { openSqliteStore } from "./open-sqlite-store.ts";
import { startChild } from "./testing/child.ts";
import { openForTest, temporaryFolder } from "./testing/folder.ts";

const key = { namespace: "default", id: "a" };

describe("the data folder", () => {
  test("is created with all its parents, for its user only", async () => {
    const outer = join(temporaryFolder(), "outer");
    const folder = join(outer, "data");
    const store = await openForTest({ folder });
    await store.log.acquire(key);
    await store.log.head(key);
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
    const files = readdirSync(folder).sort();
    expect(files).toEqual(["lock.db", "lock.owner", "store.db", "store.db-shm", "store.db-wal"]);
    expect(files.map((file) => mode(join(folder, file)))).toEqual(files.map(() => "600"));
    expect([mode(folder), mode(outer)]).toEqual(["700", "700"]);
  });

  // A system that denies a folder with ENOENT, which Node's recursive mkdir retries for ever.
  test.skipIf(process.platform !== "linux")("is refused where no folder can be made", async () => {
    await expect(openSqliteStore({ folder: "/proc/dragoman/data" })).rejects.toThrow("ENOENT");
  });

  test("may exist already, and keeps the mode that somebody gave it", async () => {
    const folder = join(temporaryFolder(), "data");
    mkdirSync(folder);
    chmodSync(folder, 0o750);
    await openForTest({ folder });
    expect(statSync(folder).mode & 0o777).toBe(0o750);
  });

  test("has nothing beside the database and the lock once the store is closed", async () => {
    const folder = temporaryFolder();
    const store = await openForTest({ folder });
    await store.log.acquire(key);
    await store.log.head(key);
    await store.close();
    expect(readdirSync(folder).sort()).toEqual(["lock.db", "lock.owner", "store.db"]);
  });

  test("that cannot be created is an error that names it", async () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "");
    await expect(openSqliteStore({ folder: file })).rejects.toThrow(file);
    await expect(openSqliteStore({ folder: join(file, "data") })).rejects.toThrow(file);
  });
});

describe("the lock of the folder", () => {
  test("refuses a second process, and tells it which one to end", async () => {
    const folder = temporaryFolder();
    const child = startChild("hold", [folder]);
    expect(await child.nextLine()).toBe("open");
    const refused = openSqliteStore({ folder });
    await expect(refused).rejects.toThrow(StoreInUseError);
    await expect(refused).rejects.toThrow(
      `${folder} is in use by process ${child.process.pid}: end that process`,
    );
    await child.kill();
    await openForTest({ folder });
  });

  test("refuses a second store in this process, which does not loosen it for others", async () => {
    const folder = temporaryFolder();
    const store = await openForTest({ folder });
    await expect(openSqliteStore({ folder })).rejects.toThrow(StoreInUseError);
    const child = startChild("hold", [folder]);
    expect(await child.nextLine()).toMatch(`is in use by process ${process.pid}`);
    expect(await child.exit()).toBe(0);
    // It still works for the one that has it.
    await store.log.acquire(key);
  });

  test("is free once the store is closed", async () => {
    const folder = temporaryFolder();
    await (await openForTest({ folder })).close();
    const child = startChild("hold", [folder]);
    expect(await child.nextLine()).toBe("open");
  });

  test("is free after a store could not be opened", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "store.db"), "not a database, only some text ".repeat(100));
    await expect(openSqliteStore({ folder })).rejects.toThrow("not a SQLite database");
    await expect(openSqliteStore({ folder })).rejects.toThrow("not a SQLite database");
  });
});

describe("a process that opened a store", () => {
  test("ends by itself, without closing it, but not before its appends are acknowledged", async () => {
    const folder = temporaryFolder();
    const child = startChild("append-once", [folder]);
    expect(await child.nextLine()).toBe("appended");
    expect(await child.exit()).toBe(0);
    const store = await openForTest({ folder });
    expect((await store.log.head(key))?.headSequence).toBe(1);
  });
});
