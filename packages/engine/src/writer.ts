import { type AguiEvent, EventBatch, FrameEncoder } from "@dragoman/agui";
import type { CatalogChange, EventLog, LogHead, LogKey } from "@dragoman/event-log";

/** What a writer tells its session after a durable append, in order. */
export type OnDurable = (batch: EventBatch | undefined, head: LogHead) => void;

interface Pending {
  readonly encoder: FrameEncoder;
  firstSequence: number;
  eventCount: number;
  records: Uint8Array[];
  catalog: CatalogChange[];
  /** Set while it is being written, and after. */
  writing?: Promise<void>;
  isDurable?: boolean;
}

/** A chunk that a macrotask may grow to before its agent has to give way to the event loop. */
const yieldBytes = 16 * 1024;

/**
 * Appends the events of one session: numbers and encodes each once, and writes whatever is queued as one
 * append when the store is free. No timer: a batch is what came while the one before was written.
 *
 * After a failed append it takes nothing more: what was pending is dropped, because it was never durable,
 * and whoever goes on makes a new writer from where the log stands.
 */
export class SessionWriter {
  readonly #log: EventLog;
  readonly #key: LogKey;
  readonly #onDurable: OnDurable;
  #head: LogHead;
  #pending: Pending;
  #scheduled = false;
  #writing: Promise<void> | undefined;
  #failure: Error | undefined;
  #sinceYield = 0;
  /** How many records are being written now. */
  #recordsInFlight = 0;

  constructor(log: EventLog, key: LogKey, head: LogHead, onDurable: OnDurable) {
    this.#log = log;
    this.#key = key;
    this.#head = head;
    this.#onDurable = onDurable;
    this.#pending = emptyPending(head.headSequence + 1);
  }

  /** Where the log durably stands. */
  get head(): LogHead {
    return this.#head;
  }

  /** The sequence that the next event will get. */
  get nextSequence(): number {
    return this.#pending.firstSequence + this.#pending.eventCount;
  }

  /** The number that the next record will get. */
  get nextRecord(): number {
    return this.#head.headRecord + this.#recordsInFlight + this.#pending.records.length + 1;
  }

  get pendingBytes(): number {
    return this.#pending.encoder.pendingBytes;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Queues an event. `bytes` is its encoding, where there is one already. Throws what the encoder throws. */
  push(event: AguiEvent, bytes?: Uint8Array): number {
    const sequence = this.nextSequence;
    const { encoder } = this.#pending;
    const before = encoder.pendingBytes;
    if (bytes === undefined) encoder.append(sequence, event);
    else encoder.appendEncoded(sequence, bytes);
    this.#sinceYield += encoder.pendingBytes - before;
    this.#pending.eventCount++;
    this.#schedule();
    return sequence;
  }

  /** Queues an event that has only a JSON form. */
  pushJson(text: string): number {
    const sequence = this.nextSequence;
    this.#pending.encoder.appendJson(sequence, text);
    this.#pending.eventCount++;
    this.#schedule();
    return sequence;
  }

  /** Adds records and catalog changes to what is queued. */
  add(records: readonly Uint8Array[], catalog: readonly CatalogChange[]): void {
    this.#pending.records.push(...records);
    this.#pending.catalog.push(...catalog);
    this.#schedule();
  }

  /** Resolves when all that is queued now is durable; rejects if it could not be appended. */
  async flush(): Promise<void> {
    if (this.#failure) throw this.#failure;
    const queued = this.#pending;
    // Not until nothing is queued any more: with an agent that floods, that is never.
    while (this.#pending === queued && (this.#writing || !isEmpty(queued))) {
      this.#start();
      await this.#writing;
      if (this.#failure) throw this.#failure;
    }
    await queued.writing;
    if (this.#failure && !queued.isDurable) throw this.#failure;
  }

  /** Whether the agent has pushed so much since the event loop last turned that it should give way. */
  get shouldYield(): boolean {
    return this.#sinceYield >= yieldBytes;
  }

  /** Gives the event loop a turn. */
  yield(): Promise<void> {
    this.#sinceYield = 0;
    return new Promise((resolve) => setImmediate(resolve));
  }

  #schedule(): void {
    if (this.#scheduled || this.#writing || this.#failure) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#sinceYield = 0;
      this.#start();
    });
  }

  #start(): void {
    if (this.#writing || this.#failure || isEmpty(this.#pending)) return;
    const taken = this.#pending;
    this.#writing = this.#write().then(
      () => {
        taken.isDurable = true;
        this.#writing = undefined;
        if (!isEmpty(this.#pending)) this.#schedule();
      },
      (error: unknown) => {
        this.#writing = undefined;
        this.#failure = error instanceof Error ? error : new Error(String(error));
        this.#pending = emptyPending(this.#head.headSequence + 1);
      },
    );
    taken.writing = this.#writing;
  }

  async #write(): Promise<void> {
    const taken = this.#pending;
    const frames = taken.encoder.take();
    const { firstSequence, eventCount, records, catalog } = taken;
    const lastSequence = firstSequence + eventCount - 1;
    this.#pending = emptyPending(lastSequence + 1, taken.encoder);
    const chunks = eventCount > 0 ? [{ firstSequence, lastSequence, bytes: frames }] : [];
    this.#recordsInFlight = records.length;
    const head = await this.#log.append(this.#key, { epoch: this.#head.epoch, chunks, records, catalog });
    this.#recordsInFlight = 0;
    this.#head = head;
    const { logId } = head;
    const batch = eventCount > 0 ? new EventBatch(logId, frames) : undefined;
    this.#onDurable(batch, head);
  }
}

function emptyPending(firstSequence: number, encoder = new FrameEncoder()): Pending {
  return { encoder, firstSequence, eventCount: 0, records: [], catalog: [] };
}

function isEmpty(pending: Pending): boolean {
  return pending.eventCount === 0 && pending.records.length === 0 && pending.catalog.length === 0;
}
