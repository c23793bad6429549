import { AgentError } from "@dragoman/agent";

/** Why an upstream agent could not be used. */
export type UpstreamErrorCode =
  /** It answered with a status that is not 2xx. */
  | "UPSTREAM_STATUS"
  /** There was no connection, or it broke before the answer began. */
  | "UPSTREAM_UNREACHABLE"
  /** It was silent for longer than `timeoutMs`. */
  | "UPSTREAM_TIMEOUT"
  /** What it sent is not AG-UI in a form that was asked for. */
  | "UPSTREAM_MALFORMED"
  /** One event is larger than `maxEventBytes`. */
  | "UPSTREAM_TOO_LARGE"
  /** The stream stopped before RUN_FINISHED or RUN_ERROR. */
  | "UPSTREAM_TRUNCATED";

/**
 * A run of an upstream agent that failed for a reason outside its events. A host makes a RUN_ERROR of it, with this
 * code and message, which are fit for clients.
 */
export class UpstreamError extends AgentError {
  override readonly name: string = "UpstreamError";
  declare readonly code: UpstreamErrorCode;
  /** The HTTP status, where `code` is `UPSTREAM_STATUS`. */
  readonly status: number | undefined;

  constructor(code: UpstreamErrorCode, message: string, options?: ErrorOptions & { status?: number }) {
    super(code, message, options);
    this.status = options?.status;
  }
}

/** The stream stopped before RUN_FINISHED or RUN_ERROR: how the run ended is unknown, so it is no success. */
export class UpstreamTruncatedError extends UpstreamError {
  override readonly name = "UpstreamTruncatedError";

  constructor(message: string, options?: ErrorOptions) {
    super("UPSTREAM_TRUNCATED", message, options);
  }
}

/** The beginning of what an upstream sent, on one line and without the secrets it was sent itself. */
export function excerpt(text: string, secrets: readonly string[] = []): string {
  const clean = secrets.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
  const line = clean.replace(/\s+/g, " ").trim();
  return line.length > maxExcerptLength ? `${line.slice(0, maxExcerptLength)}…` : line;
}

/** The longest excerpt in an error message, in characters. */
const maxExcerptLength = 300;
