import assert from "node:assert/strict";
import type {
  AppendBatch,
  CatalogEntry,
  EventChunk,
  EventPage,
  LogHead,
  LogKey,
  ReadOptions,
  Store,
} from "../event-log.ts";

const utf8 = new TextEncoder();

export function bytesOf(text: string): Uint8Array {
  return utf8.encode(text);
}

/** A log of the default namespace. */
export function logKey(id: string, namespace = "default"): LogKey {
  return { namespace, id };
}

/** A chunk whose bytes say which sequences it has. */
export function chunk(firstSequence: number, lastSequence = firstSequence, text = ""): EventChunk {
  return { firstSequence, lastSequence, bytes: bytesOf(`${firstSequence}-${lastSequence} ${text}`) };
}

/** Chunks of one event each, from one sequence to another. */
export function chunks(firstSequence: number, lastSequence: number): EventChunk[] {
  const length = lastSequence - firstSequence + 1;
  return Array.from({ length }, (_, i) => chunk(firstSequence + i));
}

/** A catalog entry; what is not given is made up. */
export function entry(id: string, fields: Partial<CatalogEntry> = {}): CatalogEntry {
  return {
    namespace: "default",
    kind: "thing",
    parent: "",
    id,
    label: "plain",
    state: "new",
    order: 1,
    value: bytesOf(`value of ${id}`),
    ...fields,
  };
}

/** A batch; what is not given is empty. */
export function batch(epoch: number, parts: Partial<AppendBatch> = {}): AppendBatch {
  return { chunks: [], records: [], catalog: [], ...parts, epoch };
}

/** Creates a log that holds the given chunks, and returns its head. */
export async function createLog(
  store: Store,
  key: LogKey,
  events: readonly EventChunk[] = [],
): Promise<LogHead> {
  const { epoch } = await store.log.acquire(key);
  return store.log.append(key, batch(epoch, { chunks: events }));
}

/** Reads pages until one is empty and returns all chunks. */
export async function readAll(
  store: Store,
  key: LogKey,
  options: Partial<ReadOptions> = {},
): Promise<EventChunk[]> {
  const found: EventChunk[] = [];
  let { after = 0 } = options;
  for (;;) {
    const page: EventPage = await store.log.read(key, { ...options, after });
    const last = page.chunks.at(-1);
    if (!last) return found;
    assert.ok(last.lastSequence > after, "a page must bring something new");
    after = last.lastSequence;
    found.push(...page.chunks);
  }
}

/** Compares chunks, byte for byte. */
export function assertChunks(actual: readonly EventChunk[], expected: readonly EventChunk[]): void {
  const plain = (list: readonly EventChunk[]) =>
    list.map(({ firstSequence, lastSequence, bytes }) => ({
      firstSequence,
      lastSequence,
      bytes: [...bytes],
    }));
  assert.deepEqual(plain(actual), plain(expected));
}

/** Compares entries, byte for byte. */
export function assertEntries(actual: readonly CatalogEntry[], expected: readonly CatalogEntry[]): void {
  assert.deepEqual(actual.map(plainEntry), expected.map(plainEntry));
}

/** An entry that deepEqual can compare whatever class its bytes have. */
export function plainEntry(full: CatalogEntry): object {
  return { ...full, value: [...full.value] };
}

type ErrorClass<E extends Error> = new (...parameters: never[]) => E;

/** Waits for a promise to reject with an error of a class, and returns the error. */
export async function rejection<E extends Error>(
  promise: Promise<unknown>,
  errorClass: ErrorClass<E>,
): Promise<E> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof errorClass, `expected ${errorClass.name}, not ${String(error)}`);
    return error;
  }
  return assert.fail(`expected ${errorClass.name}, but the promise resolved`);
}
