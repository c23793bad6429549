/** When and how often a stream that was cut is attached again. */
export interface ResumeOptions {
  /** Attempts in a row that bring nothing new before giving up. 0 never attaches again. Default 10. */
  readonly maxAttempts?: number;
  /**
   * The same before anything has come: attempts to make the first connection. 0 fails at the first error.
   * Default 2, so that a server that is not there is reported soon.
   */
  readonly maxStartAttempts?: number;
  /** Gives up when nothing new came for so long, in milliseconds. At least 0; default 120,000. */
  readonly maxElapsedMs?: number;
  /** The mean delay before the first attempt, in milliseconds; it doubles with each. Default 100. */
  readonly initialDelayMs?: number;
  /** The largest mean delay, in milliseconds. Default 5,000. */
  readonly maxDelayMs?: number;
  /**
   * A stream on which nothing at all comes for so long is dead and is attached again, in milliseconds. Has to
   * be longer than the server's heartbeat, 15 seconds by default. Infinity: never. Default 45,000.
   */
  readonly heartbeatTimeoutMs?: number;
  /** Told before each attempt. */
  readonly onResume?: (attempt: ResumeAttempt) => void;
  /** Where the jitter comes from: a number in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

/** An attempt to attach again. */
export interface ResumeAttempt {
  /** 1 for the first one since something new came. */
  readonly attempt: number;
  /** How long it waits before, in milliseconds. */
  readonly delayMs: number;
  /** The last sequence that came. Undefined if none did. */
  readonly afterSequence: number | undefined;
  /** What cut the stream. */
  readonly error: Error;
}

/** The options with everything filled in. */
export type CompleteResumeOptions = Required<ResumeOptions>;

/** Checks the options and fills in what is absent. */
export function completeResumeOptions(options: ResumeOptions): CompleteResumeOptions {
  const complete = {
    maxAttempts: options.maxAttempts ?? 10,
    maxStartAttempts: options.maxStartAttempts ?? 2,
    maxElapsedMs: options.maxElapsedMs ?? 120_000,
    initialDelayMs: options.initialDelayMs ?? 100,
    maxDelayMs: options.maxDelayMs ?? 5_000,
    heartbeatTimeoutMs: options.heartbeatTimeoutMs ?? 45_000,
    onResume: options.onResume ?? (() => {}),
    random: options.random ?? Math.random,
  };
  for (const name of [
    "maxAttempts",
    "maxStartAttempts",
    "maxElapsedMs",
    "initialDelayMs",
    "maxDelayMs",
  ] as const) {
    if (!(complete[name] >= 0)) throw new RangeError(`${name} must be at least 0`);
  }
  if (!(complete.heartbeatTimeoutMs > 0)) throw new RangeError("heartbeatTimeoutMs must be above 0");
  return complete;
}

/** The delay before an attempt, counted from 1: exponential, and spread so that clients do not come at once. */
export function backoffDelayMs(
  attempt: number,
  options: Pick<CompleteResumeOptions, "initialDelayMs" | "maxDelayMs" | "random">,
): number {
  const mean = Math.min(options.initialDelayMs * 2 ** (attempt - 1), options.maxDelayMs);
  return mean * (0.5 + options.random());
}

/** Waits. Resolves early when the signal aborts: who waits looks at it anyway. */
export function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, delayMs);
    signal.addEventListener("abort", finish, { once: true });
  });
}
