import { Code } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";
import type { UniversalServerResponse } from "../connect-internals.ts";
import type { Limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { DrainOutcome, Exchange, HeaderFields } from "./exchange.ts";
import { headerFields } from "./header-fields.ts";
import { nextTurn } from "./wait.ts";

/** A response whose headers are kept as Node takes them, so that no `Headers` object is made. */
export interface FieldsResponse extends UniversalServerResponse {
  /** Whether the body is followed by trailers. */
  readonly hasTrailers: boolean;
  /** The response headers, read when they are sent. */
  headerFields(): HeaderFields;
  /** The trailers, read when the body has ended. */
  trailerFields(): HeaderFields;
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

/** After so many pieces everybody else has a turn, also where a handler always has the next one ready. */
const piecesPerTurn = 16;

/** What the writer needs of its server. */
export interface WriteOptions {
  readonly limits: Limits;
  readonly log: Log;
}

/**
 * Writes a response to a client that may be slow or go away. Never rejects.
 *
 * Holds at most `writeWindowBytes` per stream beyond one element of the body. A client that takes
 * nothing for `stallTimeoutMs` is closed: with the protocol's SLOW_READER error if it wakes up soon
 * enough to get it, else by a reset.
 */
export async function writeResponse(
  exchange: Exchange,
  response: UniversalServerResponse,
  extraFields: HeaderFields | undefined,
  { limits, log }: WriteOptions,
): Promise<void> {
  const body = response.body?.[Symbol.asyncIterator]();
  let pieces = 0;
  try {
    writeHead(exchange, response, extraFields);
    for (let next = await body?.next(); next !== undefined && next.done !== true; next = await body?.next()) {
      if (exchange.closed) {
        break;
      }
      if (++pieces % piecesPerTurn === 0) {
        await nextTurn();
      }
      const taken = await writePiece(exchange, next.value, limits);
      if (taken === "stalled") {
        log.warn(`closed a reader that took nothing for ${limits.stallTimeoutMs} ms: ${exchange.target}`);
        return await endStalled(exchange, response, body, limits);
      }
    }
    if (exchange.closed) {
      await body?.return?.();
    } else {
      exchange.end(trailersOf(response));
    }
  } catch (error) {
    const gone = exchange.closed;
    exchange.reset("failed");
    await body?.return?.().catch(() => {});
    if (!gone && !(error instanceof BrokenOffError)) {
      log.error(`a response failed: ${exchange.target}`, error);
    }
  }
}

/** Writes a piece and waits where the connection is full. Large pieces go in slices, each of which must be taken. */
function writePiece(
  exchange: Exchange,
  piece: Uint8Array,
  limits: Limits,
): DrainOutcome | Promise<DrainOutcome> {
  if (piece.length > limits.writeWindowBytes) {
    return writeSlices(exchange, piece, limits);
  }
  return exchange.write(piece) ? "drained" : exchange.drained(limits.stallTimeoutMs);
}

async function writeSlices(exchange: Exchange, piece: Uint8Array, limits: Limits): Promise<DrainOutcome> {
  for (let start = 0; start < piece.length; start += limits.writeWindowBytes) {
    if (!exchange.write(piece.subarray(start, start + limits.writeWindowBytes))) {
      const outcome = await exchange.drained(limits.stallTimeoutMs);
      if (outcome !== "drained") {
        return outcome;
      }
    }
  }
  return "drained";
}

async function endStalled(
  exchange: Exchange,
  response: UniversalServerResponse,
  body: (AsyncIterator<Uint8Array> & { readonly lastSequence?: number | undefined }) | undefined,
  limits: Limits,
): Promise<void> {
  const message = `The reader took nothing for ${limits.stallTimeoutMs} ms. Attach again after the last sequence that arrived.`;
  const metadata = { sequence: body?.lastSequence ?? 0 };
  const error = reasonError(Code.ResourceExhausted, "SLOW_READER", message, { metadata });
  try {
    // A body that can say it in its protocol returns its last piece, any other rejects.
    const last = await body?.throw?.(error);
    if (last?.value instanceof Uint8Array) {
      exchange.write(last.value);
    }
    exchange.end(trailersOf(response));
    if ((await exchange.finished(limits.stallTimeoutMs)) === "stalled") {
      exchange.reset("slow");
    }
  } catch {
    exchange.reset("slow");
  }
}

function writeHead(
  exchange: Exchange,
  response: UniversalServerResponse,
  extra: HeaderFields | undefined,
): void {
  const fields = isFields(response) ? response.headerFields() : headerFields(response.header);
  const trailers = isFields(response) ? response.hasTrailers : response.trailer !== undefined;
  const last = response.body === undefined && !trailers;
  exchange.writeHead(response.status, extra ? { ...fields, ...extra } : fields, { trailers, last });
}

function isFields(response: UniversalServerResponse): response is FieldsResponse {
  return "headerFields" in response;
}

function trailersOf(response: UniversalServerResponse): HeaderFields | undefined {
  if (isFields(response)) {
    return response.hasTrailers ? response.trailerFields() : undefined;
  }
  return response.trailer ? headerFields(response.trailer) : undefined;
}
