/** Waits for a promise that never rejects, but not longer; undefined if the time is over before. */
export async function settledOr<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  const result = await Promise.race([promise, timeout]);
  clearTimeout(timer);
  return result;
}
