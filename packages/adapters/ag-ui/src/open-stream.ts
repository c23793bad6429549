import type { Silence } from "@dragoman/agent";
import { excerpt, UpstreamError } from "./errors.ts";

/** The media type of AG-UI's binary form. */
export const binaryMediaType = "application/vnd.ag-ui.event+proto";
/** The media type of AG-UI's text form. */
export const sseMediaType = "text/event-stream";

/** How much of the body of a refusal is read, in bytes. */
const maxRefusalBytes = 4096;
/** Headers whose value must not come back in an error message, should the upstream echo it. */
const secretHeader = /auth|key|token|secret|cookie/i;

/** What is asked of an upstream. */
export interface UpstreamRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly accept: string;
  /** The `RunAgentInput` as JSON text. */
  readonly body: string;
}

/** An answer that carries events. */
export interface UpstreamStream {
  readonly binary: boolean;
  /** The body, piece by piece. Leaving the loop over it ends the request. Throws what the connection throws. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Sends the request and waits for the head of the answer. Throws `UpstreamError`, or the signal's reason. */
export async function openStream(request: UpstreamRequest, silence: Silence): Promise<UpstreamStream> {
  const response = await send(request, silence);
  if (!response.ok) throw await refusal(response, request, silence);
  const type = (response.headers.get("content-type") ?? "").split(";", 1)[0]!.trim().toLowerCase();
  if (response.body === null || (type !== sseMediaType && type !== binaryMediaType)) {
    await response.body?.cancel();
    throw notEvents(type);
  }
  return { binary: type === binaryMediaType, chunks: readChunks(response.body, silence) };
}

async function send(request: UpstreamRequest, silence: Silence): Promise<Response> {
  try {
    return await silence.wait(
      fetch(request.url, {
        method: "POST",
        headers: { ...request.headers, accept: request.accept, "content-type": "application/json" },
        body: request.body,
        signal: silence.signal,
      }),
    );
  } catch (cause) {
    if (silence.signal.aborted) throw silence.signal.reason;
    const where = request.url.origin + request.url.pathname;
    const message = `The upstream agent at ${where} cannot be reached: ${reasonOf(cause)}.`;
    throw new UpstreamError("UPSTREAM_UNREACHABLE", message, { cause });
  }
}

async function* readChunks(
  body: ReadableStream<Uint8Array>,
  silence: Silence,
): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await silence.wait(reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    // Rejects where the connection broke, which the loop has already reported.
    await reader.cancel().catch(() => {});
  }
}

async function refusal(
  response: Response,
  request: UpstreamRequest,
  silence: Silence,
): Promise<UpstreamError> {
  const secrets = Object.entries(request.headers)
    .filter(([name, value]) => value !== "" && secretHeader.test(name))
    .map(([, value]) => value);
  const said = excerpt(await readBeginning(response, silence), secrets);
  const message = `The upstream agent answered HTTP ${response.status}${said === "" ? "" : `: ${said}`}`;
  return new UpstreamError("UPSTREAM_STATUS", message, { status: response.status });
}

/** The first bytes of a refusal's body as text; what cannot be read is left out, the status says enough. */
async function readBeginning(response: Response, silence: Silence): Promise<string> {
  if (response.body === null) return "";
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of readChunks(response.body, silence)) {
      pieces.push(chunk);
      bytes += chunk.length;
      if (bytes >= maxRefusalBytes) break;
    }
  } catch {
    silence.signal.throwIfAborted();
  }
  return Buffer.concat(pieces).subarray(0, maxRefusalBytes).toString("utf8");
}

function notEvents(type: string): UpstreamError {
  const found = type === "" ? "no content type" : type;
  const message = `The upstream agent answered with ${found} instead of ${sseMediaType} or ${binaryMediaType}. Is the URL that of an AG-UI agent?`;
  return new UpstreamError("UPSTREAM_MALFORMED", message);
}

/** The innermost reason: fetch says no more than "fetch failed" itself. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  return cause.message || String(Reflect.get(cause, "code") ?? cause.name);
}
