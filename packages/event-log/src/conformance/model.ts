import { FencedError, LogNotFoundError, SequenceError, TrimmedError } from "../errors.ts";
import type {
  AppendBatch,
  CatalogChange,
  CatalogEntry,
  CatalogKey,
  CatalogQuery,
  EventChunk,
  LogHead,
} from "../event-log.ts";
import { comparePlaces } from "../place.ts";
import { logKey } from "./fixtures.ts";

interface ModelLog {
  head: Omit<LogHead, "logId">;
  chunks: EventChunk[];
  records: Uint8Array[];
}

/** What a store does, said as plainly as can be: lists that are searched from end to end. */
export class ModelStore {
  #logs = new Map<string, ModelLog>();
  #entries: CatalogEntry[] = [];

  acquire(id: string, create: boolean): ModelLog["head"] {
    let log = this.#logs.get(id);
    if (!log) {
      if (!create) throw new LogNotFoundError(logKey(id));
      log = { head: { headSequence: 0, firstSequence: 1, headRecord: 0, epoch: 0 }, chunks: [], records: [] };
      this.#logs.set(id, log);
    }
    log.head = { ...log.head, epoch: log.head.epoch + 1 };
    return log.head;
  }

  append(id: string, batch: AppendBatch): ModelLog["head"] {
    const log = this.#get(id);
    if (batch.epoch !== log.head.epoch) throw new FencedError(logKey(id), batch.epoch);
    let { headSequence } = log.head;
    for (const { firstSequence, lastSequence } of batch.chunks) {
      if (firstSequence !== headSequence + 1) throw new SequenceError(headSequence + 1, firstSequence);
      headSequence = lastSequence;
    }
    log.chunks = [...log.chunks, ...batch.chunks];
    log.records = [...log.records, ...batch.records];
    log.head = { ...log.head, headSequence, headRecord: log.records.length };
    this.put(batch.catalog);
    return log.head;
  }

  read(id: string, after: number, maxBytes: number): { chunks: EventChunk[]; head: ModelLog["head"] } {
    const { chunks, head } = this.#get(id);
    if (after + 1 < head.firstSequence) throw new TrimmedError(head.firstSequence);
    return {
      chunks: firstPage(
        chunks.filter(({ lastSequence }) => lastSequence > after),
        maxBytes,
      ),
      head,
    };
  }

  readRecords(id: string, after: number, maxBytes: number): { number: number; bytes: Uint8Array }[] {
    const numbered = this.#get(id).records.map((bytes, i) => ({ number: i + 1, bytes }));
    return firstPage(
      numbered.filter(({ number }) => number > after),
      maxBytes,
    );
  }

  trim(id: string, firstSequence: number): ModelLog["head"] {
    const log = this.#get(id);
    const last = log.chunks.at(-1);
    log.chunks = log.chunks.filter((chunk) => chunk === last || chunk.lastSequence >= firstSequence);
    log.head = { ...log.head, firstSequence: log.chunks[0]?.firstSequence ?? 1 };
    return log.head;
  }

  remove(id: string, epoch: number): void {
    const log = this.#logs.get(id);
    if (!log) return;
    if (epoch !== log.head.epoch) throw new FencedError(logKey(id), epoch);
    this.#logs.delete(id);
  }

  head(id: string): ModelLog["head"] | undefined {
    return this.#logs.get(id)?.head;
  }

  put(changes: readonly CatalogChange[]): void {
    for (const change of changes) {
      const key = "put" in change ? change.put : change.remove;
      this.#entries = this.#entries.filter((entry) => !sameKey(entry, key));
      if ("put" in change) this.#entries.push(change.put);
    }
  }

  get(key: CatalogKey): CatalogEntry | undefined {
    return this.#entries.find((entry) => sameKey(entry, key));
  }

  count(kind: string, states: readonly string[] = []): number {
    return this.#entries.filter(
      (entry) => entry.kind === kind && (states.length === 0 || states.includes(entry.state)),
    ).length;
  }

  list({ kind, namespace, parent, label, states = [], after, limit }: CatalogQuery): CatalogEntry[] {
    const found = this.#entries.filter(
      (entry) =>
        entry.kind === kind &&
        entry.namespace === (namespace ?? entry.namespace) &&
        entry.parent === (parent ?? entry.parent) &&
        entry.label === (label ?? entry.label) &&
        (states.length === 0 || states.includes(entry.state)) &&
        (!after || comparePlaces(entry, after) > 0),
    );
    return found.sort(comparePlaces).slice(0, limit);
  }

  #get(id: string): ModelLog {
    const log = this.#logs.get(id);
    if (!log) throw new LogNotFoundError(logKey(id));
    return log;
  }
}

function sameKey(a: CatalogKey, b: CatalogKey): boolean {
  return a.namespace === b.namespace && a.kind === b.kind && a.parent === b.parent && a.id === b.id;
}

function firstPage<T extends { readonly bytes: Uint8Array }>(items: readonly T[], maxBytes: number): T[] {
  const page: T[] = [];
  let bytes = 0;
  for (const item of items) {
    bytes += item.bytes.length;
    if (page.length > 0 && bytes > maxBytes) break;
    page.push(item);
  }
  return page;
}
