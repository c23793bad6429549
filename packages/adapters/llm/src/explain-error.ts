import { APIConnectionError, APIConnectionTimeoutError, APIError } from "openai/error";
import { LlmError, type LlmErrorCode } from "./errors.ts";
import type { CompleteOptions } from "./options.ts";

/** Headers whose value must not come back in an error message, should the endpoint echo it. */
const secretHeader = /auth|key|token|secret|cookie/i;
/** The longest piece of the endpoint's own words in a message, in characters. */
const maxExcerptLength = 300;

/** Says what went wrong between us and the endpoint, and what to do about it. */
export function explainError(error: unknown, options: CompleteOptions): LlmError {
  if (error instanceof LlmError) return error;
  if (error instanceof APIConnectionTimeoutError) return silenceError(options.timeoutMs, error);
  if (error instanceof APIConnectionError) {
    const message = `The model's endpoint at ${whereOf(options)} cannot be reached: ${reasonOf(error)}. Is it running, and is the base URL right?`;
    return new LlmError("LLM_UNREACHABLE", message, { cause: error });
  }
  if (error instanceof APIError) return explainRefusal(error, options);
  if (error instanceof SyntaxError) {
    const message = "The model's endpoint sent a chunk that is not JSON. Is it a chat-completions endpoint?";
    return new LlmError("LLM_MALFORMED", message, { cause: error });
  }
  return new LlmError("LLM_CUT", "The connection to the model broke within its answer. Try again.", {
    cause: error,
  });
}

/** The endpoint was silent for too long. */
export function silenceError(timeoutMs: number, cause?: unknown): LlmError {
  const message = `The model's endpoint was silent for ${timeoutMs} ms. Try again, or raise timeoutMs.`;
  return new LlmError("LLM_TIMEOUT", message, { cause });
}

function explainRefusal(error: APIError, options: CompleteOptions): LlmError {
  const { status } = error;
  const retryAfterMs = status === 429 || status === 503 ? retryAfterOf(error.headers) : undefined;
  const [code, advice] = adviceFor(status, error.code ?? undefined, retryAfterMs, options);
  const said = excerpt(error.message.replace(`${status} `, ""), options);
  const how = status === undefined ? "reported an error within its answer" : `answered HTTP ${status}`;
  const message = `The model's endpoint ${how}. ${advice} It said: ${said}`;
  return new LlmError(code, message, { cause: error, status, retryAfterMs });
}

function adviceFor(
  status: number | undefined,
  code: string | undefined,
  retryAfterMs: number | undefined,
  { apiKey, model, baseURL }: CompleteOptions,
): [LlmErrorCode, string] {
  if (status === undefined || status >= 500) return ["LLM_UNAVAILABLE", "Try again later."];
  switch (status) {
    case 401:
      return ["LLM_UNAUTHORIZED", apiKey ? "Check the API key." : "Set the API key."];
    case 403:
      return ["LLM_UNAUTHORIZED", `Check what the API key is allowed to do, and that it may use ${model}.`];
    case 404:
      return [
        "LLM_NOT_FOUND",
        `Check the model's name (${model}) and the base URL's path (${new URL(baseURL).pathname}).`,
      ];
    case 429:
      if (code === "insufficient_quota")
        return ["LLM_RATE_LIMITED", "The quota is used up: check plan and billing."];
      return [
        "LLM_RATE_LIMITED",
        retryAfterMs === undefined ? "Try again later." : `Try again in ${Math.ceil(retryAfterMs / 1000)} s.`,
      ];
    default:
      return ["LLM_REFUSED", "Check the model's name, its parameters and the tools' schemas."];
  }
}

function retryAfterOf(headers: Headers | undefined): number | undefined {
  const milliseconds = Number.parseFloat(headers?.get("retry-after-ms") ?? "");
  if (milliseconds >= 0) return milliseconds;
  const value = headers?.get("retry-after") ?? "";
  const seconds = Number.parseFloat(value);
  if (seconds >= 0) return seconds * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** The endpoint's words, on one line, of bounded length, and without the secrets it was sent. */
function excerpt(text: string, { apiKey, headers }: CompleteOptions): string {
  const secrets = Object.entries(headers).flatMap(([name, value]) =>
    secretHeader.test(name) ? [value] : [],
  );
  if (apiKey !== undefined) secrets.push(apiKey);
  const clean = secrets
    .filter((secret) => secret !== "")
    .reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
  const line = clean.replace(/\s+/g, " ").trim();
  return line.length > maxExcerptLength ? `${line.slice(0, maxExcerptLength)}…` : line;
}

/** Without user, password and query, which may hold secrets. */
function whereOf({ baseURL }: CompleteOptions): string {
  const { origin, pathname } = new URL(baseURL);
  return origin + pathname;
}

/** The innermost reason: those around it say no more than "Connection error". */
function reasonOf(error: Error): string {
  let inner: Error = error;
  while (inner.cause instanceof Error) inner = inner.cause;
  return (inner.message || inner.name).replace(/[.\s]+$/, "");
}
