import { Code } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";
import type { UniversalServerResponse } from "../connect-internals.ts";
import type { Limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Exchange, HeaderFields } from "./exchange.ts";
import { headerFields } from "./header-fields.ts";

/** A response whose headers are kept as Node takes them, so that no `Headers` object is made. */
export interface FieldsResponse extends UniversalServerResponse {
  /** The response headers, read when they are sent. */
  headerFields(): HeaderFields;
  /** The trailers, read when the body has ended; undefined if the protocol has none. */
  readonly trailerFields?: (() => HeaderFields) | undefined;
}

/** A response body. Rejecting means that the response must be broken off, not ended. */
export interface ResponseBody extends AsyncIterableIterator<Uint8Array, undefined, undefined> {
  /** The sequence of the last event that was handed out; undefined if none was. */
  readonly lastSequence?: number | undefined;
}

/** Thrown by a response body that has to stop where its protocol has no way to say so. */
export class BrokenOffError extends Error {
  override readonly name = "BrokenOffError";
}

/** What the writer needs of its server. */
export interface WriteOptions {
  readonly limits: Limits;
  readonly log: Log;
  /** Headers that every response to this client gets. */
  readonly extraFields?: HeaderFields;
}

/**
 * Writes a response to a client that may be slow or go away.
 *
 * Holds at most `writeWindowBytes` per stream beyond one element of the body. A client that takes
 * nothing for `stallTimeoutMs` is closed: with the protocol's SLOW_READER error if it wakes up soon
 * enough to get it, else by a reset.
 */
export async function writeResponse(
  exchange: Exchange,
  response: UniversalServerResponse,
  options: WriteOptions,
): Promise<void> {
  const body = response.body?.[Symbol.asyncIterator]();
  const fields = isFields(response) ? response.headerFields() : headerFields(response.header);
  const trailerFields = trailersOf(response);
  try {
    exchange.writeHead(
      response.status,
      { ...fields, ...options.extraFields },
      { trailers: trailerFields !== undefined },
    );
    if (body !== undefined) {
      const outcome = await writeBody(exchange, body, options);
      if (outcome === "closed") {
        await body.return?.();
        return;
      }
      if (outcome === "stalled") {
        await endStalled(exchange, body, trailerFields, options);
        return;
      }
    }
    exchange.end(trailerFields?.());
  } catch (error) {
    const gone = exchange.closed;
    exchange.reset("failed");
    await body?.return?.().catch(() => {});
    if (!gone && !(error instanceof BrokenOffError)) {
      options.log.error(`a response failed: ${exchange.target}`, error);
    }
  }
}

async function writeBody(exchange: Exchange, body: AsyncIterator<Uint8Array>, { limits }: WriteOptions) {
  for (;;) {
    const next = await body.next();
    if (exchange.closed) {
      return "closed";
    }
    if (next.done === true) {
      return "drained";
    }
    const chunk = next.value;
    // Large pieces go in slices, so that every slice that leaves shows that the reader is alive.
    for (let start = 0; start < chunk.length; start += limits.writeWindowBytes) {
      const end = start + limits.writeWindowBytes;
      const slice = start === 0 && end >= chunk.length ? chunk : chunk.subarray(start, end);
      if (!exchange.write(slice)) {
        const outcome = await exchange.drained(limits.stallTimeoutMs);
        if (outcome !== "drained") {
          return outcome;
        }
      }
    }
  }
}

async function endStalled(
  exchange: Exchange,
  body: AsyncIterator<Uint8Array>,
  trailerFields: (() => HeaderFields) | undefined,
  { limits, log }: WriteOptions,
): Promise<void> {
  const sequence = "lastSequence" in body ? Number(body.lastSequence ?? 0) : 0;
  const error = reasonError(
    Code.ResourceExhausted,
    "SLOW_READER",
    `The reader took nothing for ${limits.stallTimeoutMs} ms. Attach again after the last sequence that arrived.`,
    { metadata: { sequence } },
  );
  log.warn(`closed a reader that took nothing for ${limits.stallTimeoutMs} ms: ${exchange.target}`);
  // A body that can say it in its protocol returns its last piece, any other rejects.
  const last = await body.throw?.(error);
  if (last?.value instanceof Uint8Array) {
    exchange.write(last.value);
  }
  exchange.end(trailerFields?.());
  if ((await exchange.finished(limits.stallTimeoutMs)) === "stalled") {
    exchange.reset("slow");
  }
}

function isFields(response: UniversalServerResponse): response is FieldsResponse {
  return "headerFields" in response;
}

function trailersOf(response: UniversalServerResponse): (() => HeaderFields) | undefined {
  if (isFields(response)) {
    return response.trailerFields;
  }
  return response.trailer ? () => headerFields(response.trailer) : undefined;
}
