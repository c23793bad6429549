import { StoreFailedError, StoreFullError } from "./errors.ts";
import type { Catalog, EventLog, Store } from "./event-log.ts";

/** What {@link withFaults} does, how often. Probabilities from 0 to 1, default 0. */
export interface FaultOptions {
  /** Decides which calls fail. The same seed and the same calls give the same faults. */
  readonly seed: number;
  /** A write rejects with {@link StoreFullError} and does nothing. */
  readonly full?: number;
  /** A write rejects with {@link StoreFailedError} and does nothing. */
  readonly failBefore?: number;
  /** A write rejects with {@link StoreFailedError} although it was done: what a lost answer looks like. */
  readonly failAfter?: number;
  /** A read (also of the catalog) rejects with {@link StoreFailedError}. */
  readonly failRead?: number;
  /** A call takes up to {@link maxDelayMs} longer, so that calls overtake each other's answers. */
  readonly delay?: number;
  /** The longest delay in milliseconds. Default 5. */
  readonly maxDelayMs?: number;
}

/** A store that fails, for tests of what is built on stores. */
export interface FaultyStore extends Store {
  /** Stops all faults, or lets them come again. */
  enable(faults: boolean): void;
  /** How many faults there were, by the name of their option. */
  readonly counts: Readonly<Record<FaultKind, number>>;
}

type FaultKind = "full" | "failBefore" | "failAfter" | "failRead" | "delay";

/** Wraps a store so that calls fail as real stores fail, at random but repeatably. For tests. */
export function withFaults(store: Store, options: FaultOptions): FaultyStore {
  const faults = new Faults(options);
  return {
    log: faultyLog(store.log, faults),
    catalog: faultyCatalog(store.catalog, faults),
    durability: store.durability,
    close: () => store.close(),
    enable: (enabled) => {
      faults.enabled = enabled;
    },
    counts: faults.counts,
  };
}

function faultyLog(log: EventLog, faults: Faults): EventLog {
  return {
    acquire: (key, options) => faults.write(() => log.acquire(key, options)),
    append: (key, batch) => faults.write(() => log.append(key, batch)),
    read: (key, options) => faults.read(() => log.read(key, options)),
    readRecords: (key, options) => faults.read(() => log.readRecords(key, options)),
    head: (key) => faults.read(() => log.head(key)),
    trim: (key, firstSequence) => faults.write(() => log.trim(key, firstSequence)),
    remove: (key, epoch) => faults.write(() => log.remove(key, epoch)),
  };
}

function faultyCatalog(catalog: Catalog, faults: Faults): Catalog {
  return {
    get: (key) => faults.read(() => catalog.get(key)),
    list: (query) => faults.read(() => catalog.list(query)),
    count: (query) => faults.read(() => catalog.count(query)),
    put: (changes) => faults.write(() => catalog.put(changes)),
  };
}

class Faults {
  enabled = true;
  readonly counts: Record<FaultKind, number> = {
    full: 0,
    failBefore: 0,
    failAfter: 0,
    failRead: 0,
    delay: 0,
  };
  readonly #options: FaultOptions;
  readonly #random: () => number;

  constructor(options: FaultOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  /**
   * Does a write, or not. The write itself is called at once: the order of writes is that of the calls, only
   * the answers are late.
   */
  async write<T>(call: () => Promise<T>): Promise<T> {
    const full = this.#happens("full");
    const before = this.#happens("failBefore");
    const after = this.#happens("failAfter");
    const answer = full || before ? undefined : call();
    // Awaited below, after the delay; a rejection until then is not unhandled.
    answer?.catch(() => {});
    await this.#delay();
    if (full) throw new StoreFullError("no room, by a fault of the test");
    if (answer === undefined) throw new StoreFailedError("not written, by a fault of the test");
    const result = await answer;
    if (after) throw new StoreFailedError("written, but the answer got lost by a fault of the test");
    return result;
  }

  async read<T>(call: () => Promise<T>): Promise<T> {
    const fail = this.#happens("failRead");
    await this.#delay();
    if (fail) throw new StoreFailedError("not read, by a fault of the test");
    return call();
  }

  async #delay(): Promise<void> {
    // Drawn always, so that the number of draws per call is the same and a seed means the same faults.
    const delayMs = this.#random() * (this.#options.maxDelayMs ?? 5);
    if (this.#happens("delay")) await new Promise((resolve) => setTimeout(resolve, delayMs));
  }

  #happens(kind: FaultKind): boolean {
    const happens = this.#random() < (this.#options[kind] ?? 0) && this.enabled;
    if (happens) this.counts[kind]++;
    return happens;
  }
}

/** Mulberry32: small, and good enough to choose faults. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
