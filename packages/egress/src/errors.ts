/** Why something was not reached. */
export type EgressErrorCode =
  /** What was to be reached is no host, no port or no http or https URL. */
  | "INVALID_TARGET"
  /** The method or a header is none that may be sent. */
  | "INVALID_REQUEST"
  /** The policy refuses the address, or every address of the name. */
  | "ADDRESS_REFUSED"
  /** There is no such name, nobody listens there, or the connection broke. */
  | "UNREACHABLE"
  /** The answer was not complete within `timeoutMs`. */
  | "TIMEOUT"
  /** The answer is larger than `maxResponseBytes`. */
  | "RESPONSE_TOO_LARGE"
  /** The answer leads on to further places more than `maxRedirects` times. */
  | "TOO_MANY_REDIRECTS"
  /** The answer is not HTTP, or its body cannot be decoded. */
  | "INVALID_RESPONSE";

/** What is known about a failure besides its message. */
export interface EgressErrorDetails extends ErrorOptions {
  /** The host that was to be reached. */
  readonly host?: string | undefined;
  /** The address that was refused. */
  readonly address?: string | undefined;
}

/**
 * What the server would not or could not reach. The message is fit for the user who registered the target: it says
 * what to do, and holds neither paths, queries and headers nor what a name resolves to.
 */
export class EgressError extends Error {
  override readonly name = "EgressError";
  readonly code: EgressErrorCode;
  /** The host that was to be reached, where one was read. */
  readonly host: string | undefined;
  /** The address that was refused, for logs: users need not learn what names mean inside a network. */
  readonly address: string | undefined;

  constructor(code: EgressErrorCode, message: string, details: EgressErrorDetails = {}) {
    super(message, details);
    this.code = code;
    this.host = details.host;
    this.address = details.address;
  }
}
