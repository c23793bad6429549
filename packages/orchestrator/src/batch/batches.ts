import {
  type AgentSource,
  type Engine,
  EngineError,
  invalidPageToken,
  listEntries,
  type Page,
  pageSizeOf,
  quote,
} from "@dragoman/engine";
import type { Catalog, CatalogEntry } from "@dragoman/event-log";
import { Batch } from "./batch.ts";
import { asking, type BatchContext, batchNotFound, refusedByStore, shuttingDown } from "./context.ts";
import {
  type BatchInfo,
  type BatchState,
  batchKey,
  type ItemInfo,
  isEnded,
  kinds,
  readBatch,
} from "./entries.ts";
import { type ItemFeed, liveFeed, loadItem, loadItems, storedFeed } from "./feed.ts";
import { batchFingerprint } from "./item-ids.ts";
import { itemToken, readItemToken } from "./item-token.ts";
import { type BatchLimits, completeBatchLimits } from "./limits.ts";
import { BatchMaker, type NewBatch } from "./make-batch.ts";
import { BatchRemoval } from "./removal.ts";
import { type BatchStreamItem, streamBatch } from "./stream.ts";

export interface BatchesOptions {
  readonly engine: Engine;
  readonly agents: AgentSource;
  /** The catalog of the engine's store. */
  readonly catalog: Catalog;
  readonly limits?: Partial<BatchLimits>;
  /** How long batches are kept after their end, in milliseconds. Default for ever. */
  readonly retentionMs?: number | undefined;
  /** The clock, in milliseconds since 1970. Default Date.now. */
  readonly now?: () => number;
  /** Takes what nobody waits for, such as a batch that cannot be recovered. */
  readonly onError?: (error: unknown) => void;
}

/** How to read a batch. */
export interface ReadBatchOptions {
  /** Whether the events of its items are wanted too. */
  readonly withEvents: boolean;
  /** How long a silence may last before `idle`. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

/** A page of the items of a batch. */
export interface ItemPage {
  readonly batch: BatchInfo;
  readonly items: readonly ItemInfo[];
  /** For the next page; empty on the last one. */
  readonly nextPageToken: string;
}

export interface ListBatchesQuery {
  readonly namespace: string;
  readonly pageSize: number;
  readonly pageToken: string;
  readonly state?: BatchState;
}

/** Contents of a page of results: it ends before they get longer, and clients accept it. */
const pageContentMax = 1024 * 1024;
const recoveryPageLength = 1_000;

/** The batches of a server. They are its own: they go on when their callers are gone, and after a restart. */
export class Batches {
  readonly #context: BatchContext;
  readonly #maker: BatchMaker;
  readonly #removal: BatchRemoval;
  readonly #live = new Map<string, Batch>();
  readonly #closing = new AbortController();
  readonly #closed = new AbortController();
  #making: Promise<unknown> = Promise.resolve();
  #recovered: Promise<void> = Promise.resolve();

  constructor(options: BatchesOptions) {
    this.#context = {
      engine: options.engine,
      agents: options.agents,
      catalog: options.catalog,
      limits: completeBatchLimits(options.limits),
      now: options.now ?? Date.now,
      onError: options.onError ?? (() => {}),
      closing: this.#closing.signal,
      closed: this.#closed.signal,
    };
    this.#maker = new BatchMaker(this.#context);
    this.#removal = new BatchRemoval(this.#context, options.retentionMs);
  }

  /** Goes on with every batch that had not ended when its server did. Resolves when all of them are known. */
  recover(): Promise<void> {
    this.#recovered = this.#recover().catch(this.#context.onError);
    this.#removal.start();
    return this.#recovered;
  }

  /** Makes a batch, or joins it where it exists with the same items. Nothing is made where it is refused. */
  async make(request: NewBatch): Promise<void> {
    await this.#recovered;
    const fingerprint = await batchFingerprint(request.items);
    const making = this.#making.then(() => this.#makeOrJoin(request, fingerprint));
    this.#making = making.catch(() => {});
    await making;
  }

  /** Reads a batch from its beginning to its end. Rejects with BATCH_NOT_FOUND before the first item. */
  async *read(
    namespace: string,
    batchId: string,
    options: ReadBatchOptions,
  ): AsyncGenerator<BatchStreamItem> {
    const { engine, limits } = this.#context;
    try {
      const feed = await this.#feed(namespace, batchId);
      yield* streamBatch(feed, { ...options, engine, streamedItemsMax: limits.streamedItemsMax });
    } catch (error) {
      throw refusedByStore(error);
    }
  }

  /** Returns a batch with a page of its items, in their order. */
  get(namespace: string, batchId: string, pageSize: number, pageToken: string): Promise<ItemPage> {
    return asking(this.#get(namespace, batchId, pageSize, pageToken));
  }

  async #get(namespace: string, batchId: string, pageSize: number, pageToken: string): Promise<ItemPage> {
    const first = readItemToken(pageToken);
    const found = await this.#find(namespace, batchId);
    const live = found instanceof Batch ? found : undefined;
    const batch = live?.info ?? (found as BatchInfo);
    if (first > 0 && first >= batch.itemCount) throw invalidPageToken();
    const size = Math.min(pageSizeOf(pageSize), batch.itemCount - first);
    const items: ItemInfo[] = [];
    for (let length = 0; items.length < size && length < pageContentMax; ) {
      const next = first + items.length;
      const page = await loadItems(this.#context.catalog, batch, next, size - items.length);
      if (page.length === 0) throw batchNotFound(batchId);
      for (const stored of page) {
        const item = await this.#current(live, stored);
        length += item.content?.length ?? 0;
        if (length >= pageContentMax && items.length > 0) break;
        items.push(item);
      }
    }
    const end = first + items.length;
    return { batch: live?.info ?? batch, items, nextPageToken: end < batch.itemCount ? itemToken(end) : "" };
  }

  /** Lists batches, newest first. */
  async list({ namespace, state, ...page }: ListBatchesQuery): Promise<Page<BatchInfo>> {
    const filter = { kind: kinds.batch, namespace, ...(state && { states: [state] }) };
    const listed = await asking(listEntries(this.#context.catalog, page, filter));
    const { items, nextPageToken } = listed;
    return { items: items.map((entry) => this.#infoOf(entry)), nextPageToken };
  }

  /** Ends a batch; the intent is durable when this resolves. An ended one is returned as it is. */
  async cancel(namespace: string, batchId: string): Promise<BatchInfo> {
    const found = await this.#find(namespace, batchId);
    if (!(found instanceof Batch)) return found;
    await found.stop("canceled").catch(() => {
      throw shuttingDown();
    });
    if (found.info.state === "running" && !found.info.stopping) throw shuttingDown();
    return found.info;
  }

  /** Begins nothing any more; what runs goes on. The first step of a shutdown. */
  beginNoMore(): void {
    this.#closing.abort();
  }

  /** Waits for what runs, for a while. Batches that have not ended go on when the server is back. */
  async close(graceMs: number): Promise<void> {
    this.beginNoMore();
    const settled = Promise.all([...this.#live.values()].map((batch) => batch.settled));
    const timer = setTimeout(() => this.#closed.abort(), graceMs);
    await Promise.allSettled([this.#recovered, this.#making, settled, this.#removal.idle()]);
    clearTimeout(timer);
    this.#closed.abort();
  }

  async #makeOrJoin(request: NewBatch, fingerprint: string): Promise<void> {
    const { namespace, batchId } = request;
    const existing = await this.#lookUp(namespace, batchId);
    if (existing) {
      if (existing.fingerprint === fingerprint) return;
      throw new EngineError(
        "BATCH_EXISTS",
        `there is a batch ${quote(batchId)} with other items: choose a new id, or join it without items`,
        { batch_id: batchId },
      );
    }
    if (this.#closing.signal.aborted) throw shuttingDown();
    const itemCount = [...this.#live.values()].reduce((sum, { info }) => sum + info.itemCount, 0);
    const made = await this.#maker.make(request, fingerprint, { batchCount: this.#live.size, itemCount });
    this.#start(made.batch, made.items);
  }

  #start(info: BatchInfo, items: readonly ItemInfo[]): void {
    const batch = new Batch(this.#context, info, items);
    const name = nameOf(info.namespace, info.batchId);
    this.#live.set(name, batch);
    batch.start();
    void batch.settled.then(() => {
      if (batch.isSuspended) return;
      this.#live.delete(name);
      this.#removal.onEnded(batch.info);
    });
  }

  async #recover(): Promise<void> {
    const { catalog, onError } = this.#context;
    const query = { kind: kinds.batch, states: ["running"], limit: recoveryPageLength };
    // A page may be short because its entries are large: only an empty one is the end.
    for (let page = await catalog.list(query); page.length > 0; ) {
      for (const entry of page) {
        try {
          const info = readBatch(entry);
          const items = await this.#loadItems(info);
          if (this.#closing.signal.aborted) return;
          this.#start(info, items);
        } catch (error) {
          const message = `the batch ${quote(entry.id)} could not be recovered and is left as it is`;
          onError(new Error(message, { cause: error }));
        }
      }
      const last = page[page.length - 1];
      page = last ? await catalog.list({ ...query, after: last }) : [];
    }
  }

  /** The items of a batch, without their contents. */
  async #loadItems(batch: BatchInfo): Promise<ItemInfo[]> {
    const items: ItemInfo[] = [];
    while (items.length < batch.itemCount) {
      const page = await loadItems(this.#context.catalog, batch, items.length, recoveryPageLength);
      if (page.length === 0) throw new Error(`item ${items.length} is not there`);
      for (const { content: _content, ...item } of page) items.push(item);
    }
    return items;
  }

  async #feed(namespace: string, batchId: string): Promise<ItemFeed> {
    const { catalog } = this.#context;
    const found = await this.#find(namespace, batchId);
    return found instanceof Batch ? liveFeed(catalog, found) : storedFeed(catalog, found);
  }

  /** A batch that goes on, or one that has ended. Rejects with BATCH_NOT_FOUND. */
  async #find(namespace: string, batchId: string): Promise<Batch | BatchInfo> {
    await this.#recovered;
    const info = await this.#lookUp(namespace, batchId);
    const live = this.#live.get(nameOf(namespace, batchId));
    if (live) return live;
    if (!info) throw batchNotFound(batchId);
    if (info.state !== "running") return info;
    const ended = await this.#lookUp(namespace, batchId);
    if (ended && ended.state !== "running") return ended;
    if (this.#closing.signal.aborted) throw shuttingDown();
    throw new EngineError(
      "STORAGE_UNAVAILABLE",
      `the batch ${quote(batchId)} could not be recovered after a restart: look at the server's log`,
      { batch_id: batchId },
    );
  }

  async #lookUp(namespace: string, batchId: string): Promise<BatchInfo | undefined> {
    const entry = await asking(this.#context.catalog.get(batchKey(namespace, batchId)));
    return entry && this.#infoOf(entry);
  }

  /** What an entry of the catalog says; of a batch that goes on, as it is now. */
  #infoOf(entry: CatalogEntry): BatchInfo {
    return this.#live.get(nameOf(entry.namespace, entry.id))?.info ?? readBatch(entry);
  }

  /** An item as its readers see it: what it says of a run is there as soon as the run is. */
  async #current(live: Batch | undefined, stored: ItemInfo): Promise<ItemInfo> {
    if (!live || isEnded(stored)) return stored;
    const current = live.item(stored.index);
    return isEnded(current) ? loadItem(this.#context.catalog, live.info, stored.index) : current;
  }
}

function nameOf(namespace: string, batchId: string): string {
  return JSON.stringify([namespace, batchId]);
}
