import type { Writable } from "node:stream";
import type { DrainOutcome } from "./exchange.ts";
import { waitFor } from "./wait.ts";

const flushed = Symbol("flushed");

/** What a response is written to: an HTTP/2 stream, or a ServerResponse. */
type Target = Pick<Writable, "write" | "writableLength" | "writableNeedDrain" | "on" | "off" | "emit"> &
  Writable;

/**
 * Bounds what waits in a stream by the number of pieces too, not only by bytes.
 *
 * Node holds several hundred bytes beside each piece, so a reader that stops while short events come one
 * by one would otherwise cost ten times its window.
 */
export class WriteWindow {
  readonly #target: Target;
  readonly #maxPieces: number;
  #pieces = 0;
  #isFull = false;

  constructor(target: Target, maxPieces: number) {
    this.#target = target;
    this.#maxPieces = maxPieces;
  }

  /** Writes a piece; false if the next one should wait for {@link drained}. */
  write(piece: Uint8Array): boolean {
    if (this.#target.writableLength === 0) {
      this.#pieces = 0;
    }
    this.#pieces++;
    if (this.#pieces < this.#maxPieces) {
      return this.#target.write(piece);
    }
    this.#pieces = 0;
    this.#isFull = true;
    this.#target.write(piece, () => {
      this.#isFull = false;
      this.#target.emit(flushed);
    });
    return false;
  }

  /** Waits until what was written has been taken. */
  async drained(timeoutMs: number): Promise<DrainOutcome> {
    if (this.#target.destroyed) {
      return "closed";
    }
    if (this.#isFull) {
      return waitFor(this.#target, flushed, timeoutMs);
    }
    return this.#target.writableNeedDrain ? waitFor(this.#target, "drain", timeoutMs) : "drained";
  }
}
