export {
  FencedError,
  LimitError,
  LogNotFoundError,
  SequenceError,
  StoreClosedError,
  StoreCorruptError,
  StoreFailedError,
  StoreFormatError,
  StoreFullError,
  StoreInUseError,
  TrimmedError,
} from "./errors.ts";
export type {
  AppendBatch,
  Catalog,
  CatalogChange,
  CatalogCountQuery,
  CatalogEntry,
  CatalogKey,
  CatalogPlace,
  CatalogQuery,
  Durability,
  EventChunk,
  EventLog,
  EventPage,
  LogHead,
  LogKey,
  LogRecord,
  ReadOptions,
  RecordPage,
  Store,
} from "./event-log.ts";
export { type MemoryStoreOptions, openMemoryStore } from "./memory-store.ts";
export { placeOf } from "./place.ts";
export { completeStoreLimits, type StoreLimits } from "./store-limits.ts";
export { type FaultOptions, type FaultyStore, withFaults } from "./with-faults.ts";
export { withLimits } from "./with-limits.ts";
