import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { batchOf } from "@dragoman/rpc";
import { encodeEnvelope } from "../connect-internals.ts";
import type { ResponseBody } from "../http/write-response.ts";
import { publicError } from "../interceptors/errors.ts";
import type { Log } from "../log.ts";
import { framedMessages, sendableFrames } from "./ready-frames.ts";
import type { StreamCall } from "./stream-call.ts";
import type { Wire } from "./wires.ts";

/** How the messages of one call are written. */
export interface RpcBodyOptions {
  readonly wire: Wire;
  readonly binary: boolean;
  readonly serialize: (message: MessageShape<DescMessage>) => Uint8Array;
  readonly log: Log;
}

const done = { done: true, value: undefined } as const;

/**
 * The response body of a streaming RPC: one piece per element of the stream.
 *
 * A ready batch is written as it is, so the cost of a piece does not depend on how many events it has.
 */
export class RpcBody implements ResponseBody {
  lastSequence: number | undefined;
  readonly #call: StreamCall;
  readonly #options: RpcBodyOptions;
  #waiting: Uint8Array[] = [];
  #ended = false;
  #first: Promise<IteratorResult<Uint8Array, undefined>> | undefined;

  constructor(call: StreamCall, options: RpcBodyOptions) {
    this.#call = call;
    this.#options = options;
  }

  /** Begins to read ahead by one piece, so that headers can wait for it. */
  prefetch(): Promise<unknown> {
    this.#first = this.#pull();
    return this.#first;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const first = this.#first;
    if (first !== undefined) {
      this.#first = undefined;
      return first;
    }
    return this.#pull();
  }

  /** Ends the call with the error and returns the piece that says so, if the wire has one. */
  async throw(error: unknown): Promise<IteratorResult<Uint8Array, undefined>> {
    const shown = publicError(error, this.#options.log);
    this.#call.abort(shown);
    this.#waiting = [];
    return this.#ended ? done : this.#end(shown);
  }

  /** Ends the call because nobody reads on. */
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#call.close();
    this.#waiting = [];
    this.#ended = true;
    return done;
  }

  async #pull(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const piece = this.#waiting.shift();
      if (piece !== undefined) {
        return { done: false, value: piece };
      }
      if (this.#ended) {
        return done;
      }
      try {
        const message = await this.#call.next();
        if (message === undefined) {
          return this.#end(undefined);
        }
        this.#waiting = this.#pieces(message);
      } catch (error) {
        return this.#end(publicError(error, this.#options.log));
      }
    }
  }

  #end(error: ConnectError | undefined): IteratorResult<Uint8Array, undefined> {
    this.#ended = true;
    const last = this.#options.wire.end(this.#call.context, error);
    return last ? { done: false, value: last } : done;
  }

  #pieces(message: MessageShape<DescMessage>): Uint8Array[] {
    const item = batchOf(message);
    if (item === undefined) {
      this.lastSequence = sequenceOf(message) ?? this.lastSequence;
      return [this.#envelope(message)];
    }
    const { pieces, error } = sendableFrames(item);
    this.lastSequence = item.batch.lastSequence;
    const sent = this.#options.binary ? [...pieces] : pieces.map((piece) => this.#reencoded(piece));
    if (error) {
      this.#call.abort(error);
    }
    return sent;
  }

  #reencoded(frames: Uint8Array): Uint8Array {
    const schema = this.#call.spec.method.output;
    return Buffer.concat([...framedMessages(schema, frames)].map((message) => this.#envelope(message)));
  }

  #envelope(message: MessageShape<DescMessage>): Uint8Array {
    return encodeEnvelope(0, this.#options.serialize(message));
  }
}

function sequenceOf(message: object): number | undefined {
  return "sequence" in message && typeof message.sequence === "bigint" ? Number(message.sequence) : undefined;
}
