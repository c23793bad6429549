import type { Agent, AgentOutput } from "@dragoman/agent";
import { type Silence, watchSilence } from "@dragoman/agent";
import type { RunAgentInput } from "@dragoman/agui";
import { UpstreamError, UpstreamTruncatedError } from "./errors.ts";
import type { EventReader } from "./event-reader.ts";
import {
  binaryMediaType,
  openStream,
  sseMediaType,
  type UpstreamRequest,
  type UpstreamStream,
} from "./open-stream.ts";
import { createBinaryReader } from "./read-binary.ts";
import { createSseReader } from "./read-sse.ts";
import { requestBody } from "./request-body.ts";

/** What `createAgent` takes. Set by the program that registers the agent. */
export interface AgUiOptions {
  /** Where the upstream takes its runs, `http:` or `https:`. */
  readonly url: string;
  /** Sent with every request, for instance `authorization`. Default none. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Which form to ask for: false SSE, true AG-UI binary, `auto` whichever the upstream prefers. What it answers is
   * read by its content type. Default false: every upstream has SSE, and versions before 1.0 that offer binary
   * cannot send all events in it.
   */
  readonly binary?: boolean | "auto";
  /** The longest silence, until the answer begins and within it, in milliseconds: 1 to 300000. Default 300000. */
  readonly timeoutMs?: number;
  /** The largest event, in bytes as it comes. At least 1. Default 10485760 (10 MiB), that of the stock client. */
  readonly maxEventBytes?: number;
  /**
   * The version of AG-UI this host tells the upstream to speak. Default `1.0`. `0.x` leaves it out, for old
   * upstreams that refuse fields they do not know; what they send is upgraded by the host.
   */
  readonly protocolVersion?: "1.0" | "0.x";
  /** What the agent is for, in a sentence. */
  readonly description?: string;
}

type CompleteOptions = Required<Omit<AgUiOptions, "description" | "url">> & { readonly url: URL };

/** Node's own fetch gives up on a silent connection after five minutes. */
const longestTimeoutMs = 300_000;

/**
 * Makes an agent of one that is already served over AG-UI's HTTP binding, as SSE or binary.
 *
 * Its events pass through as they are; binary ones with their bytes. A run throws `UpstreamError` when the upstream
 * refuses it, breaks, is silent for too long or sends what is no AG-UI, and `UpstreamTruncatedError` when the stream
 * ends before the run does. Cancelling a run ends the request. Throws `TypeError` for options out of range.
 */
export function createAgent(options: AgUiOptions): Agent {
  const complete = completeOptions(options);
  return {
    kind: "ag-ui",
    description: options.description ?? "An AG-UI agent behind HTTP.",
    run: (input, context) => runUpstream(complete, input, context.signal),
  };
}

async function* runUpstream(
  options: CompleteOptions,
  input: RunAgentInput,
  signal: AbortSignal,
): AsyncGenerator<AgentOutput, void> {
  const { timeoutMs, maxEventBytes } = options;
  const silence = watchSilence(timeoutMs, signal, () => silenceError(timeoutMs));
  try {
    const stream = await openStream(requestFor(options, input), silence);
    const reader = stream.binary ? createBinaryReader(maxEventBytes) : createSseReader(maxEventBytes);
    yield* untilTerminal(stream, reader, silence);
  } catch (error) {
    // A cancelled run is its host's to end.
    if (!signal.aborted) throw error;
  } finally {
    silence.end();
  }
}

/** Passes the events on and judges the end: without a terminal event it is none. */
async function* untilTerminal(
  stream: UpstreamStream,
  reader: EventReader,
  silence: Silence,
): AsyncGenerator<AgentOutput, void> {
  let ended = false;
  try {
    for await (const chunk of stream.chunks) {
      for (const output of reader.push(chunk)) {
        ended = endsRun(output, ended);
        yield output;
      }
    }
    for (const output of reader.finish()) {
      ended = endsRun(output, ended);
      yield output;
    }
  } catch (error) {
    if (error instanceof UpstreamError && error.code !== "UPSTREAM_TRUNCATED") throw error;
    if (silence.signal.aborted) throw silence.signal.reason;
    // A connection that breaks after the terminal event takes nothing away.
    if (ended) return;
    if (error instanceof UpstreamError) throw error;
    const message = "The upstream agent's connection broke within the run.";
    throw new UpstreamTruncatedError(message, { cause: error });
  }
  if (!ended) throw new UpstreamTruncatedError("The upstream agent's stream ended before the run did.");
}

/** Whether the run is over after this event, of which nothing is known but that it is JSON. */
function endsRun(output: AgentOutput | null, ended: boolean): boolean {
  if (typeof output !== "object" || output === null) return ended;
  const { type } = "bytes" in output ? output.event : output;
  return type === "RUN_FINISHED" || type === "RUN_ERROR" || (ended && type !== "RUN_STARTED");
}

function requestFor(options: CompleteOptions, input: RunAgentInput): UpstreamRequest {
  const { url, headers, binary, protocolVersion } = options;
  const accept = { true: binaryMediaType, false: sseMediaType, auto: `${binaryMediaType}, ${sseMediaType}` };
  return { url, headers, accept: accept[`${binary}`], body: requestBody(input, protocolVersion) };
}

function silenceError(timeoutMs: number): UpstreamError {
  const message = `The upstream agent was silent for ${timeoutMs} ms.`;
  return new UpstreamError("UPSTREAM_TIMEOUT", message);
}

function completeOptions(options: AgUiOptions): CompleteOptions {
  const url = URL.parse(options.url);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new TypeError(`url must be an http or https URL, it is ${JSON.stringify(options.url)}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new TypeError("url must not hold a user name or password: send them as the authorization header");
  }
  const { timeoutMs = longestTimeoutMs, maxEventBytes = 10 * 1024 * 1024 } = options;
  requireBetween("timeoutMs", timeoutMs, longestTimeoutMs);
  requireBetween("maxEventBytes", maxEventBytes, 0xffff_ffff);
  const { headers = {}, binary = false, protocolVersion = "1.0" } = options;
  return { url, headers, binary, timeoutMs, maxEventBytes, protocolVersion };
}

function requireBetween(name: string, value: number, highest: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= highest) return;
  throw new TypeError(`${name} must be a whole number from 1 to ${highest}, it is ${value}`);
}
