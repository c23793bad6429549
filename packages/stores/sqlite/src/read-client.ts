import type {
  CatalogCountQuery,
  CatalogEntry,
  CatalogKey,
  CatalogQuery,
  EventChunk,
  EventPage,
  LogHead,
  LogKey,
  LogRecord,
  ReadOptions,
  RecordPage,
} from "@dragoman/event-log";
import { defaultPageBytes } from "@dragoman/event-log/internal";
import { ByteReader } from "./byte-reader.ts";
import { fromFailure, isFailure } from "./failures.ts";
import type { Failure, Read, ReadResult } from "./protocol.ts";
import type { WorkerLink } from "./worker-link.ts";

/** Asks the reader thread, and makes pages of what it answers. */
export class ReadClient {
  readonly #link: WorkerLink<Read, ReadResult | Failure>;

  constructor(link: WorkerLink<Read, ReadResult | Failure>) {
    this.#link = link;
  }

  async head({ namespace, id }: LogKey): Promise<LogHead | undefined> {
    const result = await this.#ask({ kind: "head", key: { namespace, id } });
    return "head" in result ? result.head : undefined;
  }

  async events(key: LogKey, { after, maxBytes = defaultPageBytes }: ReadOptions): Promise<EventPage> {
    const { head, items, bytes } = await this.#page("events", key, after, maxBytes);
    const chunks: EventChunk[] = [];
    for (let i = 0; i < items.length; i += 3) {
      chunks.push({
        firstSequence: items[i]!,
        lastSequence: items[i + 1]!,
        bytes: bytes.take(items[i + 2]!),
      });
    }
    return { chunks, head };
  }

  async records(key: LogKey, { after, maxBytes = defaultPageBytes }: ReadOptions): Promise<RecordPage> {
    const { head, items, bytes } = await this.#page("records", key, after, maxBytes);
    const records: LogRecord[] = items.map((length, i) => ({
      number: after + i + 1,
      bytes: bytes.take(length),
    }));
    return { records, head };
  }

  async get({ namespace, kind, parent, id }: CatalogKey): Promise<CatalogEntry | undefined> {
    return entriesOf(await this.#ask({ kind: "get", key: { namespace, kind, parent, id } }))[0];
  }

  async list(query: CatalogQuery): Promise<CatalogEntry[]> {
    return entriesOf(await this.#ask({ kind: "list", query }));
  }

  async count({ kind, states = [] }: CatalogCountQuery): Promise<number> {
    const result = await this.#ask({ kind: "count", query: { kind, states } });
    if (!("count" in result)) throw new Error("the reader answered something else");
    return result.count;
  }

  async #page(kind: "events" | "records", { namespace, id }: LogKey, after: number, maxBytes: number) {
    const result = await this.#ask({ kind, key: { namespace, id }, after, maxBytes });
    if (!("items" in result)) throw new Error("the reader answered something else");
    return { head: result.head, items: result.items, bytes: new ByteReader(result.bytes) };
  }

  #ask(read: Read): Promise<ReadResult> {
    return new Promise((resolve, reject) => {
      this.#link.send(read, [], {
        receive: (result) => {
          if (isFailure(result))
            reject(fromFailure(result, "key" in read ? read.key : { namespace: "", id: "" }));
          else resolve(result);
        },
        fail: reject,
      });
    });
  }
}

function entriesOf(result: ReadResult): CatalogEntry[] {
  if (!("entries" in result)) throw new Error("the reader answered something else");
  const bytes = new ByteReader(result.bytes);
  return result.entries.map((entry, i) => ({ ...entry, value: bytes.take(result.lengths[i]!) }));
}
