import type { Readable } from "node:stream";
import { Code } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";

interface Waiter {
  resolve(chunk: Uint8Array | undefined): void;
  reject(error: unknown): void;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Reads a request body piece by piece, never ahead of its consumer by more than what is in flight.
 *
 * Unlike iterating over the stream itself, stopping early does not destroy the connection.
 */
export class BodyReader implements AsyncIterable<Uint8Array> {
  /** How long {@link read} waits for the next piece; 0 means for ever. Set before the first read. */
  stallTimeoutMs = 0;
  readonly #source: Readable;
  #chunks: Uint8Array[] = [];
  #attached = false;
  #ended = false;
  #failure: Error | undefined;
  #waiter: Waiter | undefined;

  constructor(source: Readable) {
    this.#source = source;
  }

  /** Whether the whole body has been read. */
  get complete(): boolean {
    return (this.#ended && this.#chunks.length === 0) || this.#source.readableEnded;
  }

  /** Returns the next piece; undefined at the end. Rejects if the client is gone or too slow. */
  read(): Promise<Uint8Array | undefined> {
    this.#attach();
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      if (this.#chunks.length === 0) {
        this.#source.resume();
      }
      return Promise.resolve(chunk);
    }
    if (this.#failure !== undefined) {
      return Promise.reject(this.#failure);
    }
    if (this.#ended) {
      return Promise.resolve(undefined);
    }
    return new Promise((resolve, reject) => {
      const timer = this.stallTimeoutMs > 0 ? setTimeout(this.#onStall, this.stallTimeoutMs) : undefined;
      this.#waiter = { resolve, reject, timer };
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.read(); chunk !== undefined; chunk = await this.read()) {
      yield chunk;
    }
  }

  /** Reads the rest and drops it, so that the connection can carry the next request. */
  discard(): void {
    this.#detach();
    this.#chunks = [];
    this.#ended = true;
    this.#source.resume();
  }

  #attach(): void {
    if (this.#attached) {
      return;
    }
    this.#attached = true;
    if (this.#source.readableEnded) {
      this.#ended = true;
    } else if (this.#source.destroyed) {
      this.#failure = clientGone();
    } else {
      this.#source.on("data", this.#onData);
      this.#source.on("end", this.#onEnd);
      this.#source.on("error", this.#onGone);
      this.#source.on("close", this.#onGone);
    }
  }

  #detach(): void {
    this.#source.off("data", this.#onData);
    this.#source.off("end", this.#onEnd);
    this.#source.off("error", this.#onGone);
    this.#source.off("close", this.#onGone);
  }

  #take(): Waiter | undefined {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    clearTimeout(waiter?.timer);
    return waiter;
  }

  readonly #onData = (chunk: Uint8Array): void => {
    const waiter = this.#take();
    if (waiter) {
      waiter.resolve(chunk);
    } else {
      this.#chunks.push(chunk);
      this.#source.pause();
    }
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#detach();
    this.#take()?.resolve(undefined);
  };

  readonly #onGone = (): void => {
    this.#fail(clientGone());
  };

  readonly #onStall = (): void => {
    this.#fail(
      reasonError(
        Code.DeadlineExceeded,
        "DEADLINE_EXCEEDED",
        `The request body paused for more than ${this.stallTimeoutMs} ms.`,
      ),
    );
  };

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#detach();
    this.#take()?.reject(this.#failure);
  }
}

function clientGone(): Error {
  return reasonError(Code.Canceled, "UNSPECIFIED", "The client is gone.");
}
