/** What expires, and when. */
interface Deadline {
  readonly id: string;
  readonly time: number;
}

/** The soonest of many deadlines. It holds at most `max`; the first time that may be missing is known. */
export class Deadlines {
  readonly #max: number;
  /** Sorted, the soonest first. */
  #soonest: Deadline[] = [];
  #missingFrom: number | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  /** From when on others have to be looked for: set where there were more, and all that were held are gone. */
  get missingFrom(): number | undefined {
    return this.#soonest.length > 0 ? undefined : this.#missingFrom;
  }

  /** When to look again: the soonest deadline, or undefined if there is none. */
  get next(): number | undefined {
    return this.#soonest[0]?.time;
  }

  add(id: string, time: number): void {
    this.remove(id);
    if (this.#missingFrom !== undefined && time >= this.#missingFrom) return;
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
    this.#missingFrom = undefined;
  }
}
