/** Where a server says what its operator should know. Never called for what a client did wrong. */
export interface Log {
  /** Something failed that should not: a bug, or a resource that is gone. `cause` may be anything. */
  error(message: string, cause?: unknown): void;
  /** Something to look at, such as a reader that was cut off. */
  warn(message: string, cause?: unknown): void;
}

/** Writes to standard error. */
export const consoleLog: Log = {
  error: (message, cause) => (cause === undefined ? console.error(message) : console.error(message, cause)),
  warn: (message, cause) => (cause === undefined ? console.warn(message) : console.warn(message, cause)),
};
