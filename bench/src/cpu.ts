/** CPU time of this process so far, user and system, in microseconds. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/**
 * Repeats `work` until it has cost `minimumMs` of CPU time; returns nanoseconds of CPU per operation.
 *
 * @param operations how many operations one call of `work` is
 */
export function nanosecondsPerOperation(work: () => void, operations: number, minimumMs: number): number {
  const start = cpuUs();
  let calls = 0;
  let elapsedUs: number;
  do {
    work();
    calls++;
    elapsedUs = cpuUs() - start;
  } while (elapsedUs < minimumMs * 1000);
  return (elapsedUs * 1000) / (calls * operations);
}

let sink: unknown;

/** Keeps a value from being optimised away. */
export function keep(value: unknown): void {
  sink = value;
  if (sink === keep) throw new Error("unreachable");
}
