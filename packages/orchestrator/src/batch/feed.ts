import type { Catalog } from "@dragoman/event-log";
import type { Batch } from "./batch.ts";
import { batchNotFound } from "./context.ts";
import { type BatchInfo, type ItemInfo, isEnded, itemPlace, kinds, readItem } from "./entries.ts";

/** What became of the items of a batch, for one reader at its own pace. */
export interface ItemFeed {
  /** The batch as it is now. */
  readonly batch: BatchInfo;
  /** Whether the batch has ended and {@link next} gives nothing more. */
  readonly isOver: boolean;
  /** Whether nothing more comes from this server. */
  readonly isSuspended: boolean;
  /** The next item that changed, as it is now; undefined while there is none. Ended ones come first. */
  next(): Promise<ItemInfo | undefined>;
  /** An item as it is now. */
  read(index: number): Promise<ItemInfo>;
  /** The same without its content. */
  peek(index: number): ItemInfo;
  /** Calls back whenever there may be something new; returns what ends that. */
  subscribe(onChange: () => void): () => void;
}

/** Reads an item of a batch with its content. */
export async function loadItem(catalog: Catalog, batch: BatchInfo, index: number): Promise<ItemInfo> {
  const { namespace, parent, id } = itemPlace(batch.namespace, batch.batchId, index);
  const entry = await catalog.get({ namespace, kind: kinds.item, parent, id });
  // All of a batch is removed at once.
  if (!entry) throw batchNotFound(batch.batchId);
  return readItem(entry);
}

/** Reads a page of the items of a batch, in their order from `first`; it may be shorter than `limit`. */
export async function loadItems(
  catalog: Catalog,
  batch: BatchInfo,
  first: number,
  limit: number,
): Promise<ItemInfo[]> {
  const { namespace, batchId } = batch;
  const after = first > 0 ? { after: itemPlace(namespace, batchId, first - 1) } : {};
  const entries = await catalog.list({ namespace, kind: kinds.item, parent: batchId, limit, ...after });
  return entries.map(readItem);
}

/** Follows a batch that goes on. */
export function liveFeed(catalog: Catalog, batch: Batch): ItemFeed {
  const { journal } = batch;
  const joinedAt = journal.length;
  const order = placesOf(joinedAt, (place) => {
    const index = journal.at(place);
    return index === undefined ? undefined : isEnded(batch.item(index));
  });
  let place = joinedAt;
  const read = (index: number) => {
    const item = batch.item(index);
    return isEnded(item) ? loadItem(catalog, batch.info, index) : Promise.resolve(item);
  };
  return {
    get batch() {
      return batch.info;
    },
    get isOver() {
      return order.length === 0 && place >= journal.length && batch.info.state !== "running";
    },
    get isSuspended() {
      return batch.isSuspended;
    },
    async next() {
      while (order.length > 0 || place < journal.length) {
        const index = journal.at(order.pop() ?? place++);
        if (index !== undefined) return read(index);
      }
      return undefined;
    },
    read,
    peek: (index) => batch.item(index),
    subscribe: (onChange) => journal.subscribe(onChange),
  };
}

/** The places of a journal up to where it stands, the first to be read last: those of ended items go first. */
function placesOf(length: number, isEndedAt: (place: number) => boolean | undefined): number[] {
  const ended: number[] = [];
  const others: number[] = [];
  for (let place = 0; place < length; place++) {
    const hasEnded = isEndedAt(place);
    if (hasEnded !== undefined) (hasEnded ? ended : others).push(place);
  }
  return [...ended, ...others].reverse();
}

/** How many items of an ended batch are read at once. */
const pageLength = 32;

/** Reads a batch that has ended. */
export function storedFeed(catalog: Catalog, batch: BatchInfo): ItemFeed {
  let page: ItemInfo[] = [];
  let first = 0;
  const seen = new Map<number, ItemInfo>();
  return {
    batch,
    get isOver() {
      return first >= batch.itemCount && page.length === 0;
    },
    isSuspended: false,
    async next() {
      if (page.length === 0 && first < batch.itemCount) {
        page = await loadItems(catalog, batch, first, pageLength);
        if (page.length === 0) throw batchNotFound(batch.batchId);
        first += page.length;
      }
      const item = page.shift();
      if (item) {
        const { content: _content, ...rest } = item;
        seen.set(item.index, rest);
      }
      return item;
    },
    read: (index) => loadItem(catalog, batch, index),
    peek(index) {
      const item = seen.get(index);
      if (!item) throw new RangeError(`item ${index} was not read yet`);
      return item;
    },
    subscribe: () => () => {},
  };
}
