import { checkChunks } from "./check-chunks.ts";
import { FencedError, TrimmedError } from "./errors.ts";
import type {
  AppendBatch,
  EventChunk,
  EventPage,
  LogHead,
  LogKey,
  LogRecord,
  ReadOptions,
  RecordPage,
} from "./event-log.ts";

/** What a page of events or records holds by default. */
export const defaultPageBytes = 256 * 1024;

/** One log of the in-memory store. */
export class MemoryLog {
  readonly #key: LogKey;
  readonly #logId: string;
  #epoch = 0;
  #headSequence = 0;
  readonly #chunks: EventChunk[] = [];
  readonly #records: LogRecord[] = [];

  constructor(key: LogKey, logId: string) {
    this.#key = { namespace: key.namespace, id: key.id };
    this.#logId = logId;
  }

  head(): LogHead {
    return {
      logId: this.#logId,
      headSequence: this.#headSequence,
      firstSequence: this.#chunks[0]?.firstSequence ?? 1,
      headRecord: this.#records.length,
      epoch: this.#epoch,
    };
  }

  acquire(): LogHead {
    this.#epoch++;
    return this.head();
  }

  /** Throws what an append of the batch would reject with. */
  check(batch: AppendBatch): void {
    if (batch.epoch !== this.#epoch) throw new FencedError(this.#key, batch.epoch);
    checkChunks(this.#headSequence, batch.chunks);
  }

  /** Appends a batch that was checked. */
  append(batch: AppendBatch): LogHead {
    for (const { firstSequence, lastSequence, bytes } of batch.chunks) {
      this.#chunks.push({ firstSequence, lastSequence, bytes: bytes.slice() });
      this.#headSequence = lastSequence;
    }
    for (const bytes of batch.records) {
      this.#records.push({ number: this.#records.length + 1, bytes: bytes.slice() });
    }
    return this.head();
  }

  read(options: ReadOptions): EventPage {
    const head = this.head();
    const { after } = options;
    if (after + 1 < head.firstSequence) throw new TrimmedError(head.firstSequence);
    const start = firstIndex(this.#chunks.length, (i) => this.#chunks[i]!.lastSequence > after);
    return { chunks: page(this.#chunks, start, options.maxBytes), head };
  }

  readRecords(options: ReadOptions): RecordPage {
    return { records: page(this.#records, options.after, options.maxBytes), head: this.head() };
  }

  /** Throws what a removal with this epoch would reject with. */
  checkRemoval(epoch: number): void {
    if (epoch !== this.#epoch) throw new FencedError(this.#key, epoch);
  }

  /** How many chunks and records it has, and their bytes. */
  get size(): { items: number; bytes: number } {
    const all = [...this.#chunks, ...this.#records];
    return { items: all.length, bytes: all.reduce((sum, { bytes }) => sum + bytes.length, 0) };
  }

  /** Drops chunks and returns how many, and their bytes. */
  trim(firstSequence: number): { chunks: number; bytes: number } {
    const kept = firstIndex(this.#chunks.length, (i) => this.#chunks[i]!.lastSequence >= firstSequence);
    const dropped = this.#chunks.splice(0, Math.max(0, Math.min(kept, this.#chunks.length - 1)));
    const bytes = dropped.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
    return { chunks: dropped.length, bytes };
  }
}

/** Returns the first index that passes, given that all after it pass too; `length` if none does. */
function firstIndex(length: number, passes: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (passes(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function page<T extends { readonly bytes: Uint8Array }>(
  items: readonly T[],
  start: number,
  maxBytes = defaultPageBytes,
): T[] {
  let end = start;
  let bytes = 0;
  while (end < items.length) {
    bytes += items[end]!.bytes.length;
    if (end > start && bytes > maxBytes) break;
    end++;
  }
  return items.slice(start, end);
}
