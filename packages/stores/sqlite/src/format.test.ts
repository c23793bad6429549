import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreCorruptError, StoreFormatError } from "@dragoman/event-log";
import { describe, expect, test } from "vitest";
import { applicationId, formatVersion, prepareFormat } from "./format.ts";
import { type Migration, migrations } from "./migrations.ts";
import { openSqliteStore } from "./open-sqlite-store.ts";
import { openForTest, temporaryFolder } from "./testing/folder.ts";

const key = { namespace: "default", id: "a" };

/** Executes SQL on the database of a closed store. */
function edit(folder: string, sql: string): void {
  const database = new DatabaseSync(join(folder, "store.db"));
  database.exec(sql);
  database.close();
}

function read(folder: string, sql: string): unknown[] {
  const database = new DatabaseSync(join(folder, "store.db"), { readOnly: true });
  const rows = database.prepare(sql).all();
  database.close();
  return rows;
}

async function createStore(folder: string): Promise<void> {
  const store = await openForTest({ folder });
  const { epoch } = await store.log.acquire(key);
  const chunks = [{ firstSequence: 1, lastSequence: 2, bytes: new Uint8Array(100) }];
  await store.log.append(key, { epoch, chunks, records: [], catalog: [] });
  await store.close();
}

const schema = "SELECT type, name, sql FROM sqlite_schema ORDER BY name";

describe("the format of the data", () => {
  test("is written down in a new store, with the identity of the store", async () => {
    const folder = temporaryFolder();
    await createStore(folder);
    expect(read(folder, "SELECT * FROM meta")).toEqual([
      { store_id: expect.stringMatching(/^[0-9a-f]{24}$/), format_version: formatVersion },
    ]);
    expect(read(folder, "PRAGMA application_id")).toEqual([{ application_id: applicationId }]);
  });

  test("stays when the store is opened again", async () => {
    const folder = temporaryFolder();
    await createStore(folder);
    const meta = read(folder, "SELECT * FROM meta");
    await createStore(temporaryFolder());
    await (await openForTest({ folder })).close();
    expect(read(folder, "SELECT * FROM meta")).toEqual(meta);
  });

  test("of a newer version is refused by its number, and left alone", async () => {
    const folder = temporaryFolder();
    await createStore(folder);
    edit(folder, "UPDATE meta SET format_version = 99; CREATE TABLE from_the_future (a)");
    const before = readFileSync(join(folder, "store.db"));
    const refused = openSqliteStore({ folder });
    await expect(refused).rejects.toThrow(StoreFormatError);
    await expect(refused).rejects.toThrow(`has format version 99, this program knows up to ${formatVersion}`);
    expect(readFileSync(join(folder, "store.db")).equals(before)).toBe(true);
  });

  test("of version 0 is brought up to date, keeping the identity of the store", async () => {
    const old = temporaryFolder();
    edit(
      old,
      `PRAGMA application_id = ${applicationId};
       CREATE TABLE meta (store_id TEXT NOT NULL, format_version INTEGER NOT NULL) STRICT;
       INSERT INTO meta VALUES ('made-up', 0)`,
    );
    await createStore(old);
    expect(read(old, "SELECT * FROM meta")).toEqual([{ store_id: "made-up", format_version: formatVersion }]);
    const fresh = temporaryFolder();
    await createStore(fresh);
    expect(read(old, schema)).toEqual(read(fresh, schema));
    const store = await openForTest({ folder: old });
    expect((await store.log.head(key))?.headSequence).toBe(2);
  });
});

describe("migrating", () => {
  const next: Migration = (database) =>
    database.exec("ALTER TABLE logs ADD COLUMN note TEXT NOT NULL DEFAULT 'old'");
  const afterNext: Migration = (database) => database.exec("UPDATE logs SET note = note || ' but good'");

  test("runs the missing steps only, in order, over the data", async () => {
    const folder = temporaryFolder();
    await createStore(folder);
    const database = new DatabaseSync(join(folder, "store.db"));
    const steps = [...migrations, next, afterNext];
    expect(prepareFormat(database, "path", "unused", steps).version).toBe(formatVersion + 2);
    expect(prepareFormat(database, "path", "unused", steps).version).toBe(formatVersion + 2);
    expect(database.prepare("SELECT id, head_sequence, note FROM logs").all()).toEqual([
      { id: "a", head_sequence: 2, note: "old but good" },
    ]);
    database.close();
    await expect(openSqliteStore({ folder })).rejects.toThrow(StoreFormatError);
  });

  test("that fails at any step changes nothing", async () => {
    const folder = temporaryFolder();
    await createStore(folder);
    const before = read(folder, schema);
    const database = new DatabaseSync(join(folder, "store.db"));
    const broken: Migration = () => {
      throw new Error("this step does not work");
    };
    expect(() => prepareFormat(database, "path", "unused", [...migrations, next, broken])).toThrow(
      "does not work",
    );
    database.close();
    expect(read(folder, schema)).toEqual(before);
    expect(read(folder, "SELECT format_version FROM meta")).toEqual([{ format_version: formatVersion }]);
    expect((await (await openForTest({ folder })).log.head(key))?.headSequence).toBe(2);
  });
});

describe("a file that is not ours", () => {
  test("of another kind is refused and left alone", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "store.db");
    writeFileSync(path, "some notes of mine\n".repeat(1000));
    const before = readFileSync(path);
    const refused = openSqliteStore({ folder });
    await expect(refused).rejects.toThrow(StoreFormatError);
    await expect(refused).rejects.toThrow(`${path} is no data of this program: it is not a SQLite database`);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("of another program is refused and left alone", async () => {
    const folder = temporaryFolder();
    edit(
      folder,
      "CREATE TABLE meta (store_id TEXT, format_version INTEGER); INSERT INTO meta VALUES ('x', 1)",
    );
    const before = readFileSync(join(folder, "store.db"));
    const refused = openSqliteStore({ folder });
    await expect(refused).rejects.toThrow(StoreFormatError);
    await expect(refused).rejects.toThrow("it is a SQLite database of another one");
    expect(readFileSync(join(folder, "store.db")).equals(before)).toBe(true);
  });
});

describe("a damaged database", () => {
  async function damage(harm: (path: string) => void): Promise<string> {
    const folder = temporaryFolder();
    const store = await openForTest({ folder });
    const { epoch } = await store.log.acquire(key);
    const chunks = Array.from({ length: 500 }, (_, i) => ({
      firstSequence: i + 1,
      lastSequence: i + 1,
      bytes: new Uint8Array(1000).fill(i),
    }));
    await store.log.append(key, { epoch, chunks, records: [], catalog: [] });
    await store.close();
    harm(join(folder, "store.db"));
    return folder;
  }

  test("that is cut off is refused", async () => {
    const folder = await damage((path) => truncateSync(path, 8192 * 2));
    await expect(openSqliteStore({ folder })).rejects.toThrow(StoreCorruptError);
  });

  test("that is damaged somewhere gives an error where it is read, and the rest still reads", async () => {
    const folder = await damage((path) => {
      const bytes = readFileSync(path);
      bytes.fill(0xff, bytes.length - 3 * 8192);
      writeFileSync(path, bytes);
    });
    const { log } = await openForTest({ folder });
    await expect(log.read(key, { after: 490 })).rejects.toThrow(StoreCorruptError);
    expect((await log.read(key, { after: 0, maxBytes: 1 })).chunks).toHaveLength(1);
    expect((await log.head(key))?.headSequence).toBe(500);
  });
});
