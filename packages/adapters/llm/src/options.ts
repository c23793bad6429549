import type { JsonObject } from "@dragoman/agui";
import type { BackendTool } from "./backend-tool.ts";

/** What `createAgent` takes. Set by the program that registers the agent. */
export interface LlmOptions {
  /** The model's name, as the endpoint knows it. */
  readonly model: string;
  /** Where the endpoint is, up to and without `/chat/completions`. Default `https://api.openai.com/v1`. */
  readonly baseURL?: string | undefined;
  /** Sent as a bearer token. Default none, for endpoints that need none. */
  readonly apiKey?: string | undefined;
  /** Sent with every request. Default none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What the model is told before the conversation. Default nothing. */
  readonly systemPrompt?: string | undefined;
  /** Tools that run here. Default none. */
  readonly tools?: readonly BackendTool[];
  /**
   * Further fields of the request's body, such as `temperature` or `max_completion_tokens`. Default none. An endpoint
   * that refuses `stream_options` gets along with `{ stream_options: undefined }`; then no tokens are counted.
   */
  readonly parameters?: JsonObject;
  /** The most turns of the model in a run, each of which may call tools. At least 1. Default 8. */
  readonly maxIterations?: number;
  /**
   * The longest silence, until an answer begins (in each try) and within it, in milliseconds: 1 to 300000.
   * Default 120000.
   */
  readonly timeoutMs?: number;
  /** The longest a backend tool may take, in milliseconds: 1 to 2147483647. Default 60000. */
  readonly toolTimeoutMs?: number;
  /** How often a request is tried again that failed with 408, 409, 429, 5xx or no connection: 0 to 10. Default 2. */
  readonly maxRetries?: number;
  /** The largest answer of the endpoint in one turn, in bytes as it comes. At least 1. Default 33554432 (32 MiB). */
  readonly maxResponseBytes?: number;
  /** What the agent is for, in a sentence. */
  readonly description?: string | undefined;
  /** Makes the ids of messages. Default random UUIDs; a test may count. */
  readonly newId?: () => string;
}

/** Options with all defaults. */
export interface CompleteOptions
  extends Required<Omit<LlmOptions, "baseURL" | "apiKey" | "systemPrompt" | "description">> {
  readonly baseURL: string;
  readonly apiKey: string | undefined;
  readonly systemPrompt: string | undefined;
}

/** Fills in the defaults. Throws `TypeError` for a value out of range. */
export function completeOptions(options: LlmOptions): CompleteOptions {
  const complete: CompleteOptions = {
    model: options.model,
    baseURL: options.baseURL ?? "https://api.openai.com/v1",
    apiKey: options.apiKey,
    headers: options.headers ?? {},
    systemPrompt: options.systemPrompt,
    tools: options.tools ?? [],
    parameters: options.parameters ?? {},
    maxIterations: options.maxIterations ?? 8,
    timeoutMs: options.timeoutMs ?? 120_000,
    toolTimeoutMs: options.toolTimeoutMs ?? 60_000,
    maxRetries: options.maxRetries ?? 2,
    maxResponseBytes: options.maxResponseBytes ?? 32 * 1024 * 1024,
    newId: options.newId ?? (() => crypto.randomUUID()),
  };
  if (complete.model === "") throw new TypeError("model must not be empty");
  requireSafeUrl(complete.baseURL);
  requireBetween("maxIterations", complete.maxIterations, 1, Number.MAX_SAFE_INTEGER);
  requireBetween("timeoutMs", complete.timeoutMs, 1, 300_000);
  requireBetween("toolTimeoutMs", complete.toolTimeoutMs, 1, 2 ** 31 - 1);
  requireBetween("maxRetries", complete.maxRetries, 0, 10);
  requireBetween("maxResponseBytes", complete.maxResponseBytes, 1, Number.MAX_SAFE_INTEGER);
  requireDistinct(complete.tools);
  return complete;
}

/** Errors of the network quote the URL, so it must hold no secret. */
function requireSafeUrl(baseURL: string): void {
  const url = URL.parse(baseURL);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new TypeError("baseURL must be an http or https URL");
  }
  if (url.username !== "" || url.password !== "") {
    throw new TypeError("baseURL must not hold a user name or password: use apiKey or headers");
  }
}

function requireBetween(name: string, value: number, lowest: number, highest: number): void {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return;
  throw new TypeError(`${name} must be a whole number from ${lowest} to ${highest}, it is ${value}`);
}

function requireDistinct(tools: readonly BackendTool[]): void {
  const names = new Set<string>();
  for (const { name } of tools) {
    if (names.has(name)) throw new TypeError(`tools must have distinct names, ${name} is there twice`);
    names.add(name);
  }
}
