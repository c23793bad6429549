import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { batchOf } from "@dragoman/rpc";
import { type Compression, compressedFlag, encodeEnvelope } from "../connect-internals.ts";
import type { ResponseBody } from "../http/write-response.ts";
import { publicError } from "../interceptors/errors.ts";
import type { Log } from "../log.ts";
import { framedMessages, sendableFrames } from "./ready-frames.ts";
import type { ServerCall } from "./server-call.ts";
import type { Wire } from "./wires.ts";

/** How the messages of the calls of one method are written on one wire. */
export interface RpcFormat {
  readonly wire: Wire;
  readonly binary: boolean;
  readonly serialize: (message: MessageShape<DescMessage>) => Uint8Array;
  readonly log: Log;
}

/** So many events go into one piece where they have to be encoded anew. */
const eventsPerPiece = 64;

const envelopeBytes = 5;
/** Less than this is not worth compressing; Connect's own threshold. */
const compressMinBytes = 1_024;

type Piece = IteratorResult<Uint8Array, undefined>;
const done: Piece = { done: true, value: undefined };

/**
 * The response body of an RPC: one piece per element of the stream.
 *
 * A ready batch is written as it is, so the cost of a piece does not depend on how many events it has.
 */
export class RpcBody implements ResponseBody {
  lastSequence: number | undefined;
  readonly #call: ServerCall;
  readonly #format: RpcFormat;
  readonly #compression: Compression | null;
  /** The pieces of the current element that are still to be sent. */
  #rest: Iterator<Uint8Array> | undefined;
  #ended = false;
  #first: Promise<Piece> | undefined;

  constructor(call: ServerCall, format: RpcFormat, compression: Compression | null) {
    this.#call = call;
    this.#format = format;
    this.#compression = compression;
  }

  /** Begins to read ahead by one piece, so that headers can wait for it. Does not reject. */
  prefetch(): Promise<unknown> {
    this.#first = this.#pull();
    return this.#first;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Piece> {
    const first = this.#first;
    this.#first = undefined;
    return first ?? this.#pull();
  }

  /** Ends the call with the error and returns the piece that says so, if the wire has one. */
  async throw(error: unknown): Promise<Piece> {
    const shown = publicError(error, this.#format.log);
    this.#call.abort(shown);
    return this.#ended ? done : this.#end(shown);
  }

  /** Ends the call because nobody reads on. */
  async return(): Promise<Piece> {
    this.#call.close();
    this.#ended = true;
    return done;
  }

  #pull(): Promise<Piece> {
    const rest = this.#nextOfRest();
    if (rest) {
      return Promise.resolve(rest);
    }
    if (this.#ended) {
      return Promise.resolve(done);
    }
    return this.#call.next().then(
      (message) => (message === undefined ? this.#end(undefined) : this.#piece(message)),
      (error: unknown) => this.#end(publicError(error, this.#format.log)),
    );
  }

  #end(error: ConnectError | undefined): Piece {
    this.#ended = true;
    this.#rest = undefined;
    const last = this.#format.wire.end(this.#call.context, error);
    return last ? { done: false, value: last } : done;
  }

  #piece(message: MessageShape<DescMessage>): Piece | Promise<Piece> {
    try {
      const item = batchOf(message);
      if (item === undefined) {
        this.lastSequence = sequenceOf(message) ?? this.lastSequence;
        return this.#compression ? this.#compressed(message, this.#compression) : this.#whole(message);
      }
      const { batch, logId } = item;
      this.lastSequence = batch.lastSequence;
      if (this.#format.binary && logId === undefined && !batch.hasJsonOnly && batch.frames.length > 0) {
        return { done: false, value: batch.frames };
      }
      const { pieces, error } = sendableFrames(item);
      if (error) {
        this.#call.abort(error);
      }
      this.#rest = this.#format.binary ? pieces[Symbol.iterator]() : this.#reencoded(pieces);
      return this.#pull();
    } catch (error) {
      return this.#fail(error);
    }
  }

  /** The next piece of the current element; undefined if it has no more. */
  #nextOfRest(): Piece | undefined {
    try {
      const next = this.#rest?.next();
      if (next?.done === false) {
        return next;
      }
      this.#rest = undefined;
      return undefined;
    } catch (error) {
      return this.#fail(error);
    }
  }

  #fail(error: unknown): Piece {
    const shown = publicError(error, this.#format.log);
    this.#call.abort(shown);
    return this.#end(shown);
  }

  /** Writes events anew for a wire that is not binary, some at a time: that is slow work. */
  *#reencoded(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
    let group: Uint8Array[] = [];
    for (const piece of pieces) {
      for (const message of framedMessages(this.#call.spec.method.output, piece)) {
        group.push(this.#envelope(message));
        if (group.length === eventsPerPiece) {
          yield Buffer.concat(group);
          group = [];
        }
      }
    }
    if (group.length > 0) {
      yield Buffer.concat(group);
    }
  }

  #whole(message: MessageShape<DescMessage>): Piece {
    return { done: false, value: this.#envelope(message) };
  }

  async #compressed(message: MessageShape<DescMessage>, compression: Compression): Promise<Piece> {
    const envelope = this.#envelope(message);
    if (envelope.length < compressMinBytes) {
      return { done: false, value: envelope };
    }
    const bytes = await compression.compress(envelope.subarray(envelopeBytes));
    return { done: false, value: encodeEnvelope(compressedFlag, bytes) };
  }

  #envelope(message: MessageShape<DescMessage>): Uint8Array {
    try {
      return encodeEnvelope(0, this.#format.serialize(message));
    } catch (cause) {
      // Not the client's concern: what a handler yielded is not a message of its method.
      throw new TypeError("a message that was yielded cannot be encoded", { cause });
    }
  }
}

function sequenceOf(message: object): number | undefined {
  return "sequence" in message && typeof message.sequence === "bigint" ? Number(message.sequence) : undefined;
}
