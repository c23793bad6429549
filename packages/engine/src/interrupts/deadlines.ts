/** What expires, and when. */
interface Deadline {
  readonly id: string;
  readonly time: number;
}

/**
 * The soonest of many deadlines. It holds at most `max`: while there are more, `isComplete` is false, and who
 * has taken all that it holds has to look for the rest.
 */
export class Deadlines {
  readonly #max: number;
  /** Sorted, the soonest first. */
  #soonest: Deadline[] = [];
  /** The first time that may be missing. */
  #missingFrom = Number.POSITIVE_INFINITY;

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether a deadline may be missing that is not later than all that are held. */
  get isComplete(): boolean {
    return this.#missingFrom === Number.POSITIVE_INFINITY || this.#soonest.length > 0;
  }

  /** When to look again: the soonest deadline, or undefined if there is none. */
  get next(): number | undefined {
    return this.#soonest[0]?.time;
  }

  add(id: string, time: number): void {
    this.remove(id);
    if (time >= this.#missingFrom) return;
    const place = this.#soonest.findIndex((one) => one.time > time);
    this.#soonest.splice(place < 0 ? this.#soonest.length : place, 0, { id, time });
    const left = this.#soonest.length > this.#max ? this.#soonest.pop() : undefined;
    if (left) this.#missingFrom = left.time;
  }

  remove(id: string): void {
    const place = this.#soonest.findIndex((one) => one.id === id);
    if (place >= 0) this.#soonest.splice(place, 1);
  }

  /** Takes those whose time has come. */
  take(nowMs: number): string[] {
    const later = this.#soonest.findIndex(({ time }) => time > nowMs);
    return this.#soonest.splice(0, later < 0 ? this.#soonest.length : later).map(({ id }) => id);
  }

  /** Forgets all, to be filled anew. */
  clear(): void {
    this.#soonest = [];
    this.#missingFrom = Number.POSITIVE_INFINITY;
  }
}
