/**
 * How long after a signal another one is taken for its echo, in milliseconds: launchers such as npm pass on what
 * the terminal has sent to the whole group of processes already.
 */
const echoMs = 1_000;

/**
 * Calls `first` at the first of these signals, and `again` at every later one that is no echo.
 *
 * Returns what stops it.
 */
export function onSignals(
  signals: readonly NodeJS.Signals[],
  first: (signal: NodeJS.Signals) => void,
  again: (signal: NodeJS.Signals) => void,
): () => void {
  let since: number | undefined;
  const take = (signal: NodeJS.Signals) => {
    if (since === undefined) {
      since = performance.now();
      first(signal);
    } else if (performance.now() - since > echoMs) again(signal);
  };
  for (const signal of signals) process.on(signal, take);
  return () => {
    for (const signal of signals) process.off(signal, take);
  };
}
