import { AgentError } from "@dragoman/agent";

/** Why a model could not be used. */
export type LlmErrorCode =
  /** The key is missing, wrong or not allowed to do this (401, 403). */
  | "LLM_UNAUTHORIZED"
  /** The endpoint has no such model or path (404). */
  | "LLM_NOT_FOUND"
  /** Too many requests, or no quota left (429). */
  | "LLM_RATE_LIMITED"
  /** The endpoint refused the request for another reason (other 4xx). */
  | "LLM_REFUSED"
  /** The endpoint failed (5xx), or said so within its answer. */
  | "LLM_UNAVAILABLE"
  /** There was no connection. */
  | "LLM_UNREACHABLE"
  /** The endpoint was silent for longer than `timeoutMs`. */
  | "LLM_TIMEOUT"
  /** The answer is not a stream of chat-completion chunks. */
  | "LLM_MALFORMED"
  /** The answer stopped in the middle. */
  | "LLM_CUT"
  /** The answer is larger than `maxResponseBytes`. */
  | "LLM_TOO_LARGE"
  /** The answer is complete and empty. */
  | "LLM_EMPTY"
  /** The model reached its output limit. */
  | "LLM_OUTPUT_LIMIT"
  /** The endpoint's content filter ended the answer. */
  | "LLM_CONTENT_FILTER"
  /** The model went on calling tools for `maxIterations` turns. */
  | "LLM_TOO_MANY_ITERATIONS";

/**
 * A run that failed because of the model or its endpoint. A host makes a RUN_ERROR of it, with this code and message,
 * which are fit for clients and hold no secret.
 */
export class LlmError extends AgentError {
  override readonly name = "LlmError";
  declare readonly code: LlmErrorCode;
  /** The HTTP status, if that was the reason. */
  readonly status: number | undefined;
  /** When to try again, in milliseconds from now, if the endpoint said so. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: LlmErrorCode,
    message: string,
    options?: ErrorOptions & { status?: number | undefined; retryAfterMs?: number | undefined },
  ) {
    super(code, message, options);
    this.status = options?.status;
    this.retryAfterMs = options?.retryAfterMs;
  }
}
