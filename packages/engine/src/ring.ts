import type { EventBatch } from "@dragoman/agui";

/**
 * The newest batches of a session, encoded once and shared by all readers near the head.
 *
 * Who is behind the ring reads from the store, so the ring bounds memory and never correctness.
 */
export class Ring {
  readonly #maxBytes: number;
  #batches: EventBatch[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(batch: EventBatch): void {
    this.#batches.push(batch);
    this.#bytes += batch.frames.length;
    let drop = 0;
    while (this.#bytes > this.#maxBytes && drop < this.#batches.length - 1) {
      this.#bytes -= this.#batches[drop]?.frames.length ?? 0;
      drop++;
    }
    if (drop > 0) this.#batches = this.#batches.slice(drop);
  }

  clear(): void {
    this.#batches = [];
    this.#bytes = 0;
  }

  /** The batch that holds the event after `sequence`; undefined if the ring does not have it. */
  after(sequence: number): EventBatch | undefined {
    const batches = this.#batches;
    const first = batches[0];
    if (first === undefined || first.firstSequence > sequence + 1) return undefined;
    let low = 0;
    let high = batches.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((batches[middle]?.lastSequence ?? 0) > sequence) high = middle;
      else low = middle + 1;
    }
    const found = batches[low];
    if (found === undefined || found.lastSequence <= sequence) return undefined;
    return found.firstSequence === sequence + 1 ? found : found.after(sequence);
  }
}
