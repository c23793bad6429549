/**
 * Yields what several sources give, as it comes, and holds at most one value of each: who is read slowly is
 * asked slowly. Ends when all sources have, or when `isOver` says so while nothing waits.
 *
 * A source that fails ends it. The others are told to return; nobody waits for them.
 */
export async function* merge<T>(
  sources: readonly AsyncIterator<T>[],
  isOver: () => boolean,
): AsyncGenerator<T, void> {
  const ready: { readonly source: AsyncIterator<T>; readonly take: () => IteratorResult<T> }[] = [];
  let wake = () => {};
  let openCount = sources.length;
  const ask = (source: AsyncIterator<T>) => {
    const arrived = (take: () => IteratorResult<T>) => {
      ready.push({ source, take });
      wake();
    };
    source.next().then(
      (result) => arrived(() => result),
      (error: unknown) =>
        arrived(() => {
          throw error;
        }),
    );
  };
  for (const source of sources) ask(source);
  try {
    while (openCount > 0) {
      const next = ready.shift();
      if (next === undefined) {
        if (isOver()) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const result = next.take();
      if (result.done) openCount--;
      else {
        yield result.value;
        ask(next.source);
      }
    }
  } finally {
    for (const source of sources) source.return?.()?.then(undefined, () => {});
  }
}
