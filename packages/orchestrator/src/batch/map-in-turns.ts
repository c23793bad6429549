/** How long the event loop may be kept from others, in milliseconds. */
const turnMs = 10;

/** Maps many items one after another, and lets the event loop turn in between: others are served meanwhile. */
export async function mapInTurns<T, R>(
  items: readonly T[],
  map: (item: T, index: number) => R,
): Promise<R[]> {
  const mapped: R[] = [];
  let turnEnd = performance.now() + turnMs;
  for (const [index, item] of items.entries()) {
    mapped.push(map(item, index));
    if (performance.now() < turnEnd) continue;
    await new Promise((resolve) => setImmediate(resolve));
    turnEnd = performance.now() + turnMs;
  }
  return mapped;
}
