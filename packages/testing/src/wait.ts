/** Waits for a time, in milliseconds. */
export function delay(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

/**
 * Settles as the promise does, or rejects when that takes too long: a test that hangs says what it hung on.
 *
 * @param what What is waited for, for the message.
 * @param timeoutMs Default 10,000.
 */
export async function withTimeout<T>(promise: PromiseLike<T>, what: string, timeoutMs = 10_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How long and how often a condition is looked at. */
export interface WaitUntilOptions {
  /** Default 10,000. */
  readonly timeoutMs?: number;
  /** Default 5. */
  readonly intervalMs?: number;
}

/**
 * Waits until a condition holds and returns what it returned: the first value that is not false, null or
 * undefined. Rejects when that takes too long.
 */
export async function waitUntil<T>(
  condition: () => T | Promise<T>,
  what: string,
  options: WaitUntilOptions = {},
): Promise<Exclude<T, false | null | undefined>> {
  const { timeoutMs = 10_000, intervalMs = 5 } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined) {
      return value as Exclude<T, false | null | undefined>;
    }
    if (performance.now() > deadline) throw new Error(`${what} did not come true within ${timeoutMs} ms`);
    await delay(intervalMs);
  }
}
