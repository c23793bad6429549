/**
 * The order in which items changed: what readers of a batch follow with a cursor each.
 *
 * It holds indexes, not results, so it costs the same whatever readers there are; who falls behind sees an item
 * only as it is now. An item changes a few times at most, which bounds it.
 */
export class Journal {
  readonly #indexes: number[] = [];
  /** Where each item changed last. */
  readonly #last = new Map<number, number>();
  readonly #readers = new Set<() => void>();

  /** How many changes there were. */
  get length(): number {
    return this.#indexes.length;
  }

  /** An item changed. */
  push(index: number): void {
    this.#last.set(index, this.#indexes.length);
    this.#indexes.push(index);
    this.wake();
  }

  /** The item that changed at a place; undefined where it changed again later. */
  at(place: number): number | undefined {
    const index = this.#indexes[place];
    return index !== undefined && this.#last.get(index) === place ? index : undefined;
  }

  /** Calls back whenever there may be something new; returns what ends that. */
  subscribe(onChange: () => void): () => void {
    this.#readers.add(onChange);
    return () => this.#readers.delete(onChange);
  }

  /** Lets every reader look again. */
  wake(): void {
    for (const onChange of this.#readers) onChange();
  }
}
