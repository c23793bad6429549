import type { ItemInfo } from "./entries.ts";

/** Says which items may begin: in their order, and those of one thread one after another. */
export class Schedule {
  /** Indexes of items that may begin now, the lowest last. */
  readonly #ready: number[] = [];
  /** Items that wait behind another one of their thread, by thread, the lowest last. */
  readonly #behind = new Map<string, number[]>();

  /** Takes the items that have not ended, in their order. Those that had begun come first in their threads. */
  constructor(items: readonly ItemInfo[]) {
    const threads = new Set<string>();
    for (const { index, threadId } of items) {
      if (threads.has(threadId)) this.#behindOf(threadId).push(index);
      else this.#ready.push(index);
      threads.add(threadId);
    }
    this.#ready.reverse();
    for (const indexes of this.#behind.values()) indexes.reverse();
  }

  /** Takes the item that is to begin next; undefined while none may. */
  take(): number | undefined {
    return this.#ready.pop();
  }

  /** An item of a thread has ended: the next one of it may begin. */
  release(threadId: string): void {
    const next = this.#behind.get(threadId)?.pop();
    if (next === undefined) return;
    this.#ready.splice(placeOf(this.#ready, next), 0, next);
  }

  #behindOf(threadId: string): number[] {
    const known = this.#behind.get(threadId);
    if (known) return known;
    const made: number[] = [];
    this.#behind.set(threadId, made);
    return made;
  }
}

/** Where to insert a number into numbers that fall. */
function placeOf(falling: readonly number[], value: number): number {
  let low = 0;
  let high = falling.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((falling[middle] ?? 0) > value) low = middle + 1;
    else high = middle;
  }
  return low;
}
