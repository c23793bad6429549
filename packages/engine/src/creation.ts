/** When something was made, and its place among all that was made. */
export interface Created {
  /** Milliseconds since 1970. */
  readonly createTime: number;
  /** What lists are ordered by: grows with everything that is made, also within a millisecond. */
  readonly order: number;
}

/** How many things can be told apart within a millisecond; orders stay safe integers for 200,000 years. */
const ordersPerMs = 1024;

/** Returns the place of the n-th thing, from 0, that was made at a time. */
export function orderOf(createTime: number, index: number): number {
  return Math.floor(createTime) * ordersPerMs + index;
}

/** Makes a clock that gives everything a place of its own. */
export function creationClock(now: () => number): () => Created {
  let last = 0;
  return () => {
    const createTime = now();
    last = Math.max(last + 1, orderOf(createTime, 0));
    return { createTime, order: last };
  };
}
