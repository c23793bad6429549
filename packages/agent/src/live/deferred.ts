/**
 * Events of a source that is chosen when the first one is asked for. No generator: it would cost more per event than
 * all the rest.
 */
export function deferred<T>(choose: () => Promise<AsyncIterable<T>>): AsyncIterable<T> {
  let chosen: AsyncIterator<T> | undefined;
  let isClosed = false;
  const first = async (): Promise<IteratorResult<T>> => {
    const source = await choose();
    if (isClosed) return { done: true, value: undefined };
    chosen = source[Symbol.asyncIterator]();
    return chosen.next();
  };
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => chosen?.next() ?? first(),
      async return() {
        isClosed = true;
        await chosen?.return?.();
        return { done: true, value: undefined };
      },
    }),
  };
}
