import type { ConnectError } from "@connectrpc/connect";
import { BrokenOffError, type ResponseBody, type ServerCall } from "@dragoman/server";
import type { EventWriter } from "./event-writer.ts";

type Piece = IteratorResult<Uint8Array, undefined>;
const done = { done: true, value: undefined } as const;

/** What came first of a stream. */
export type Opening = "events" | "nothing" | { readonly error: unknown };

/**
 * The response body of an AG-UI HTTP stream.
 *
 * These wires have no status after the headers, and clients take a clean end for success. So a stream that
 * stops before its run is over rejects, and the connection is broken off.
 */
export class EventBody implements ResponseBody {
  readonly #call: ServerCall;
  readonly #writer: EventWriter;
  #first: Promise<Piece> | undefined;
  #ended = false;

  constructor(call: ServerCall, writer: EventWriter) {
    this.#call = call;
    this.#writer = writer;
  }

  get lastSequence(): number | undefined {
    return this.#writer.lastSequence;
  }

  /** Begins to read, and tells what comes first when it comes. */
  async open(): Promise<Opening> {
    this.#first = this.#pull();
    try {
      return (await this.#first).done === true ? "nothing" : "events";
    } catch (error) {
      return { error };
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Piece> {
    const first = this.#first;
    this.#first = undefined;
    try {
      return await (first ?? this.#pull());
    } catch (error) {
      this.#ended = true;
      if (this.#writer.isAtTerminal) {
        return done;
      }
      throw new BrokenOffError("the stream stopped before its run was over", { cause: error });
    }
  }

  async throw(error: ConnectError): Promise<Piece> {
    this.#ended = true;
    this.#call.abort(error);
    throw new BrokenOffError(error.message, { cause: error });
  }

  async return(): Promise<Piece> {
    this.#ended = true;
    this.#call.close();
    return done;
  }

  async #pull(): Promise<Piece> {
    while (!this.#ended) {
      const message = await this.#call.next();
      if (message === undefined) {
        this.#ended = true;
      }
      const bytes = message === undefined ? this.#writer.flush() : this.#writer.write(message);
      if (bytes.length > 0) {
        return { done: false, value: bytes };
      }
    }
    return done;
  }
}
