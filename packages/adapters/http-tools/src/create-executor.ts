import { EgressError, type EgressFetch, type EgressResponse } from "@dragoman/egress";
import { failed, readAnswer } from "./read-answer.ts";
import { createRedact } from "./redact.ts";
import { type HttpToolSettings, parseHttpToolSettings } from "./settings.ts";
import type { ToolCall, ToolExecutor, ToolOutcome } from "./tool-executor.ts";
import { ToolRequestError, toolRequest } from "./tool-request.ts";

/** What `createHttpToolExecutor` takes. */
export interface HttpToolExecutorOptions {
  /** Sends requests to what the operator allows: that of an `EgressFetch`. */
  readonly request: EgressFetch["request"];
  /** The longest time for a call of a tool that says nothing else, in milliseconds. Default 30000. */
  readonly timeoutMs?: number | undefined;
  /** The longest time that a tool may ask for, in milliseconds. Default 300000. */
  readonly maxTimeoutMs?: number | undefined;
  /** The largest answer, decoded, in bytes. Default 1048576 (1 MiB). */
  readonly maxResponseBytes?: number | undefined;
  /** How many redirects are followed. Default 3. */
  readonly maxRedirects?: number | undefined;
  /** The longest URL with the arguments in it. Default 8000, which servers and proxies commonly take. */
  readonly maxUrlLength?: number | undefined;
}

type CompleteOptions = {
  readonly [Name in keyof HttpToolExecutorOptions]-?: NonNullable<HttpToolExecutorOptions[Name]>;
};

/**
 * Makes the executor of tools that are HTTP endpoints. Every failure is an outcome, with a sentence that says what to
 * do and without the values of headers; only an aborted signal rejects. A call is sent once and never again: whether
 * it is safe to repeat, only the agent and the endpoint know, and the endpoint has the `idempotency-key`.
 */
export function createHttpToolExecutor(options: HttpToolExecutorOptions): ToolExecutor {
  const complete = completeOptions(options);
  return { execute: (call, executor, signal) => execute(complete, call, executor, signal) };
}

async function execute(
  options: CompleteOptions,
  call: ToolCall,
  executor: unknown,
  signal: AbortSignal,
): Promise<ToolOutcome> {
  signal.throwIfAborted();
  let redact = (text: string) => text;
  try {
    const settings = readSettings(executor, call);
    redact = createRedact(settings);
    return readAnswer(await send(options, call, settings, signal), redact);
  } catch (error) {
    signal.throwIfAborted();
    const outcome = failed(redact(explain(error, call)));
    const isTooLarge = error instanceof EgressError && error.code === "RESPONSE_TOO_LARGE";
    return isTooLarge ? { ...outcome, reason: "LIMIT_REACHED" } : outcome;
  }
}

function readSettings(executor: unknown, { toolName }: ToolCall): HttpToolSettings {
  try {
    return parseHttpToolSettings(executor);
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : "its settings cannot be read";
    throw new ToolRequestError(`The tool ${toolName} is registered wrongly: ${what}.`, { cause });
  }
}

function send(
  options: CompleteOptions,
  call: ToolCall,
  settings: HttpToolSettings,
  signal: AbortSignal,
): Promise<EgressResponse> {
  const { maxResponseBytes, maxRedirects, maxUrlLength } = options;
  const timeoutMs = Math.min(settings.timeoutMs ?? options.timeoutMs, options.maxTimeoutMs);
  const request = toolRequest(call, settings, maxUrlLength);
  return options.request({ ...request, signal, timeoutMs, maxResponseBytes, maxRedirects });
}

function explain(error: unknown, { toolName }: ToolCall): string {
  if (error instanceof EgressError || error instanceof ToolRequestError) return error.message;
  return `The tool ${toolName} cannot be called.`;
}

function completeOptions(options: HttpToolExecutorOptions): CompleteOptions {
  const complete = {
    request: options.request,
    timeoutMs: options.timeoutMs ?? 30_000,
    maxTimeoutMs: options.maxTimeoutMs ?? 300_000,
    maxResponseBytes: options.maxResponseBytes ?? 1024 * 1024,
    maxRedirects: options.maxRedirects ?? 3,
    maxUrlLength: options.maxUrlLength ?? 8000,
  };
  requireBetween("timeoutMs", complete.timeoutMs, 1, 2 ** 31 - 1);
  requireBetween("maxTimeoutMs", complete.maxTimeoutMs, 1, 2 ** 31 - 1);
  requireBetween("maxResponseBytes", complete.maxResponseBytes, 1, 2 ** 30);
  requireBetween("maxRedirects", complete.maxRedirects, 0, 20);
  requireBetween("maxUrlLength", complete.maxUrlLength, 1, 2 ** 16);
  return complete;
}

function requireBetween(name: string, value: number, lowest: number, highest: number): void {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return;
  throw new TypeError(`${name} must be a whole number from ${lowest} to ${highest}, it is ${value}`);
}
