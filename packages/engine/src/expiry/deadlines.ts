import type { LogKey } from "@dragoman/event-log";

interface Deadline {
  readonly id: string;
  readonly key: LogKey;
  readonly time: number;
}

/**
 * The soonest of many deadlines, at most `max` of them, one for each session. Later ones are left out; when all
 * that are held were taken, {@link isExhausted} says that whoever fills it has to look for the rest.
 */
export class Deadlines {
  readonly #max: number;
  /** The valid deadline of each session. */
  readonly #byId = new Map<string, Deadline>();
  /** A binary heap, the soonest first. What is not the valid one of its session is skipped. */
  #heap: Deadline[] = [];
  /** The first time that was left out. */
  #leftOutFrom = Number.POSITIVE_INFINITY;

  constructor(max: number) {
    this.#max = max;
  }

  /** How many are held. */
  get size(): number {
    return this.#byId.size;
  }

  /** Whether there are more, but none of them is held. */
  get isExhausted(): boolean {
    return this.#byId.size === 0 && this.#leftOutFrom !== Number.POSITIVE_INFINITY;
  }

  /** The soonest time; undefined if none is held. */
  get next(): number | undefined {
    this.#skipInvalid();
    return this.#heap[0]?.time;
  }

  /** Sets the deadline of a session, in the place of the one that it had. */
  set(key: LogKey, time: number): void {
    const id = idOf(key);
    this.#byId.delete(id);
    if (time >= this.#leftOutFrom) return;
    const deadline = { id, key, time };
    this.#byId.set(id, deadline);
    this.#push(deadline);
    if (this.#byId.size > this.#max) this.#leaveOut();
    else if (this.#heap.length > 2 * this.#byId.size + 1_000)
      this.#rebuild([...this.#byId.values()].sort(byTime));
  }

  /** Takes the deadline of a session away. */
  delete(key: LogKey): void {
    this.#byId.delete(idOf(key));
  }

  /** Takes a session whose time has come. */
  takeDue(now: number): LogKey | undefined {
    this.#skipInvalid();
    const first = this.#heap[0];
    if (!first || first.time > now) return undefined;
    this.#pop();
    this.#byId.delete(first.id);
    return first.key;
  }

  /** Takes in again what was left out, to be filled anew. */
  refill(): void {
    this.#leftOutFrom = Number.POSITIVE_INFINITY;
  }

  /** Keeps nine of ten, so that the next ones have room. */
  #leaveOut(): void {
    const sorted = [...this.#byId.values()].sort(byTime);
    const kept = sorted.slice(0, Math.max(1, Math.floor(this.#max * 0.9)));
    this.#leftOutFrom = sorted[kept.length]?.time ?? Number.POSITIVE_INFINITY;
    // Those of the same time as the first that is left out go too: they could not be told apart.
    const sooner = kept.filter(({ time }) => time < this.#leftOutFrom);
    const held = sooner.length > 0 ? sooner : kept;
    for (const { id } of sorted.slice(held.length)) this.#byId.delete(id);
    this.#rebuild(held);
  }

  #rebuild(sorted: Deadline[]): void {
    this.#heap = sorted; // a sorted list is a heap
  }

  #skipInvalid(): void {
    for (let first = this.#heap[0]; first && this.#byId.get(first.id) !== first; first = this.#heap[0])
      this.#pop();
  }

  #push(deadline: Deadline): void {
    const heap = this.#heap;
    let index = heap.push(deadline) - 1;
    while (index > 0) {
      const above = (index - 1) >>> 1;
      if (heap[above]!.time <= deadline.time) break;
      heap[index] = heap[above]!;
      index = above;
    }
    heap[index] = deadline;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1]!.time < heap[below]!.time) below++;
      if (heap[below]!.time >= last.time) break;
      heap[index] = heap[below]!;
      index = below;
    }
    heap[index] = last;
  }
}

const byTime = (a: Deadline, b: Deadline) => a.time - b.time;

function idOf({ namespace, id }: LogKey): string {
  return JSON.stringify([namespace, id]);
}
