import { type Silence, watchSilence } from "@dragoman/agent";
import type OpenAI from "openai";
import type {
  ChatCompletionFunctionTool,
  ChatCompletionMessageParam,
} from "openai/resources/chat/completions";
import { LlmError } from "./errors.ts";
import { explainError, silenceError } from "./explain-error.ts";
import { guardedFetch } from "./guarded-fetch.ts";
import type { CompleteOptions } from "./options.ts";
import { type Chunk, readChunk } from "./read-chunk.ts";

/** What the model is asked. */
export interface CompletionRequest {
  readonly messages: ChatCompletionMessageParam[];
  readonly tools: ChatCompletionFunctionTool[];
}

/**
 * Asks the model for one answer and yields it chunk by chunk. Leaving the loop ends the request. Throws `LlmError`;
 * after an abort of `signal`, its reason.
 */
export async function* complete(
  request: CompletionRequest,
  options: CompleteOptions,
  signal: AbortSignal,
): AsyncGenerator<Chunk, void> {
  const silence = watchSilence(options.timeoutMs, signal, () => silenceError(options.timeoutMs));
  try {
    const stream = await open(request, options, silence);
    for await (const chunk of stream) yield readChunk(chunk);
    // The SDK ends an aborted stream as if it were complete.
    silence.signal.throwIfAborted();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw explainError(silence.signal.aborted ? silence.signal.reason : error, options);
  } finally {
    silence.end();
  }
}

async function open(request: CompletionRequest, options: CompleteOptions, silence: Silence) {
  const { messages, tools } = request;
  const body = {
    stream_options: { include_usage: true },
    ...options.parameters,
    ...(tools.length > 0 ? { tools } : {}),
    model: options.model,
    messages,
    stream: true as const,
  };
  const client = await createClient(options, silence);
  const answer = client.chat.completions.create(body, { signal: silence.signal });
  const { data, response } = await answer.withResponse();
  requireStream(response);
  return data;
}

async function createClient(options: CompleteOptions, silence: Silence): Promise<OpenAI> {
  // Loaded by the first run, because it takes as long as all the rest of a server does to start.
  const { OpenAI } = await import("openai");
  const { baseURL, apiKey, headers, maxRetries, timeoutMs, maxResponseBytes } = options;
  return new OpenAI({
    baseURL,
    // The SDK insists on a key; without one, the null takes its header away again.
    apiKey: apiKey ?? "none",
    defaultHeaders: apiKey === undefined ? { authorization: null, ...headers } : headers,
    // Left out, these would be read from the environment, behind the back of whoever set the options.
    organization: null,
    project: null,
    adminAPIKey: null,
    maxRetries,
    timeout: timeoutMs,
    // What it would log is in the errors that are thrown.
    logLevel: "off",
    fetch: guardedFetch(maxResponseBytes, silence),
  });
}

/** Some servers ignore that a stream was asked for, and some addresses are those of a web page. */
function requireStream(response: Response): void {
  const type = response.headers.get("content-type")?.split(";", 1)[0] ?? "";
  if (type !== "application/json" && type !== "text/html") return;
  const message = `The model's endpoint answered with ${type} instead of a stream. Is it a chat-completions endpoint that can stream?`;
  throw new LlmError("LLM_MALFORMED", message);
}
