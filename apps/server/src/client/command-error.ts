/** A command failed for a reason that its user can understand: the message says it, and nothing else is shown. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** One of `exitCodes`. */
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}
