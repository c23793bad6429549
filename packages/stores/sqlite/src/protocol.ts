// What the main thread and the two worker threads say to each other. Bytes travel beside the structure,
// one after the other in one transferred buffer, so that structured clone sees few objects.
import type {
  CatalogCountQuery,
  CatalogEntry,
  CatalogKey,
  CatalogQuery,
  LogHead,
  LogKey,
} from "@dragoman/event-log";

/** What a worker needs to open the data. */
export interface WorkerSetup {
  readonly folder: string;
  readonly durability: "process" | "fsync";
  /** Only for the writer: see the option of the store. */
  readonly maxBytes: number;
}

/** A change of the catalog; the value of a put lies in the group's bytes, so here is its length. */
export type WireChange =
  | { readonly put: Omit<CatalogEntry, "value">; readonly length: number }
  | { readonly remove: CatalogKey };

/**
 * One write. Its bytes lie in those of its group, `length` many: chunks, then records, then values of puts.
 */
export type Write =
  | { readonly kind: "acquire"; readonly key: LogKey; readonly newLogId: string | undefined }
  | {
      readonly kind: "append";
      readonly key: LogKey;
      readonly epoch: number;
      /** First sequence, last sequence and length of each chunk, flat. */
      readonly chunks: readonly number[];
      /** Length of each record. */
      readonly records: readonly number[];
      readonly catalog: readonly WireChange[];
      readonly length: number;
    }
  | { readonly kind: "trim"; readonly key: LogKey; readonly firstSequence: number }
  | { readonly kind: "remove"; readonly key: LogKey; readonly epoch: number }
  | { readonly kind: "put"; readonly catalog: readonly WireChange[]; readonly length: number };

/** Writes that go into one transaction. */
export interface WriteGroup {
  readonly writes: readonly Write[];
  readonly bytes: Uint8Array;
}

/** An error on its way between threads: the class by name, with what its constructor needs. */
export interface Failure {
  readonly failure: string;
  readonly message: string;
  readonly numbers?: readonly number[];
}

/** What a write did; the head of the log it was about, if it was about one. */
export interface WriteResult {
  readonly head?: LogHead;
  /** The write stopped half-way, so as not to hold up others, and must be repeated. */
  readonly unfinished?: boolean;
}

/** What became of each write of a group, in order. */
export type WriteResults = readonly (WriteResult | Failure)[];

/** One read. */
export type Read =
  | { readonly kind: "head"; readonly key: LogKey }
  | {
      readonly kind: "events" | "records";
      readonly key: LogKey;
      readonly after: number;
      readonly maxBytes: number;
    }
  | { readonly kind: "get"; readonly key: CatalogKey }
  | { readonly kind: "list"; readonly query: CatalogQuery }
  | { readonly kind: "count"; readonly query: CatalogCountQuery };

/** What was read. Lengths are those of the items in `bytes`. */
export type ReadResult =
  | { readonly head: LogHead | undefined }
  | { readonly count: number }
  | {
      readonly head: LogHead;
      /** First sequence, last sequence and length of each chunk, or the length of each record, flat. */
      readonly items: readonly number[];
      readonly bytes: Uint8Array<ArrayBuffer>;
    }
  | {
      readonly entries: readonly Omit<CatalogEntry, "value">[];
      readonly lengths: readonly number[];
      readonly bytes: Uint8Array<ArrayBuffer>;
    };
