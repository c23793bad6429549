/** The user asked for something that cannot be: the message says what to change. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
