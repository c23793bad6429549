import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import type { Store } from "@dragoman/event-log";
import { expect, test } from "vitest";
import { openSqliteStore } from "./open-sqlite-store.ts";
import { startChild } from "./testing/child.ts";
import { temporaryFolder } from "./testing/folder.ts";
import { chunkOf, entryOf, logIds, recordOf } from "./testing/history.ts";

interface Acknowledged {
  readonly id: string;
  readonly headSequence: number;
  readonly headRecord: number;
}

/** Lets a child append for a while, kills it, and returns the last acknowledged head of each log. */
async function appendAndKill(
  folder: string,
  durability: string,
  afterMs: number,
): Promise<Map<string, Acknowledged>> {
  const child = startChild("append-forever", [folder, durability]);
  const first = await child.nextLine();
  expect(first, "the child must get to its first append").toBeDefined();
  await sleep(afterMs);
  const lines = [first!, ...(await child.kill())];
  const heads = new Map<string, Acknowledged>();
  for (const line of lines) {
    // The last line may be cut off: then nobody was told.
    if (!line.endsWith("}")) continue;
    const head: Acknowledged = JSON.parse(line);
    heads.set(head.id, head);
  }
  return heads;
}

/** Checks a log from end to end and returns its head. */
async function checkLog({ log, catalog }: Store, id: string): Promise<Acknowledged | undefined> {
  const key = { namespace: "default", id };
  const head = await log.head(key);
  if (!head) return undefined;
  let after = 0;
  while (after < head.headSequence) {
    const { chunks } = await log.read(key, { after, maxBytes: 1024 * 1024 });
    for (const chunk of chunks) {
      expect(chunk.firstSequence).toBe(after + 1);
      const { bytes } = chunkOf(id, chunk.firstSequence, chunk.lastSequence);
      expect(Buffer.compare(chunk.bytes, bytes)).toBe(0);
      after = chunk.lastSequence;
    }
  }
  expect(after).toBe(head.headSequence);
  let numbers = 0;
  while (numbers < head.headRecord) {
    const { records } = await log.readRecords(key, { after: numbers });
    for (const { number, bytes } of records) {
      expect(number).toBe(++numbers);
      expect(Buffer.compare(bytes, recordOf(id, number))).toBe(0);
    }
  }
  if (head.headSequence > 0) {
    const entry = entryOf(id, head.headSequence, head.headRecord);
    const stored = await catalog.get(entry);
    expect(stored && { ...stored, value: Buffer.from(stored.value).toString() }).toEqual({
      ...entry,
      value: Buffer.from(entry.value).toString(),
    });
    const { kind, state } = entry;
    const listed = await catalog.list({ kind, states: [state], limit: 100 });
    expect(listed.map((each) => each.id)).toContain(id);
  }
  return { id, headSequence: head.headSequence, headRecord: head.headRecord };
}

test.each([
  ["process", 16],
  ["fsync", 8],
] as const)(
  "kill -9 at random moments loses nothing acknowledged and tears nothing (%s, %i times)",
  async (durability, kills) => {
    const folder = temporaryFolder();
    for (let kill = 0; kill < kills; kill++) {
      const acknowledged = await appendAndKill(folder, durability, Math.random() * 200);
      const store = await openSqliteStore({ folder, durability });
      try {
        for (const id of logIds) {
          const found = await checkLog(store, id);
          const promised = acknowledged.get(id);
          if (!promised) continue;
          expect(found?.headSequence).toBeGreaterThanOrEqual(promised.headSequence);
          expect(found?.headRecord).toBeGreaterThanOrEqual(promised.headRecord);
        }
      } finally {
        await store.close();
      }
    }
    const database = new DatabaseSync(`${folder}/store.db`, { readOnly: true });
    expect(database.prepare("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    database.close();
  },
  180_000,
);
