import type { Readable } from "node:stream";
import { Code } from "@connectrpc/connect";
import { reasonError } from "@dragoman/rpc";

const kReader = Symbol("reader");
type Source = Readable & { [kReader]?: BodyReader | undefined };

interface Waiter {
  resolve(chunk: Uint8Array | undefined): void;
  reject(error: unknown): void;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Reads a request body piece by piece, never ahead of its consumer by more than what is in flight.
 *
 * Unlike iterating over the stream itself, stopping early does not destroy the connection. Once the body
 * has been read, nothing of the reader stays.
 */
export class BodyReader implements AsyncIterable<Uint8Array> {
  readonly #source: Source;
  readonly #stallTimeoutMs: number;
  #chunks: Uint8Array[] = [];
  #attached = false;
  #ended = false;
  #failure: Error | undefined;
  #waiter: Waiter | undefined;

  /** `stallTimeoutMs` is how long {@link read} waits for the next piece; 0 means for ever. */
  private constructor(source: Source, stallTimeoutMs: number) {
    this.#source = source;
    this.#stallTimeoutMs = stallTimeoutMs;
  }

  /** Returns the reader of a body: the one that is at work, or else a new one. */
  static of(source: Readable, stallTimeoutMs: number): BodyReader {
    return (source as Source)[kReader] ?? new BodyReader(source, stallTimeoutMs);
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
      const timer =
        this.#stallTimeoutMs > 0 ? setTimeout(() => this.#stalled(), this.#stallTimeoutMs) : undefined;
      this.#waiter = { resolve, reject, timer };
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.read(); chunk !== undefined; chunk = await this.read()) {
      yield chunk;
    }
  }

  /** Reads the rest and drops it. Who still waits for a piece gets the end. */
  discard(): void {
    this.#chunks = [];
    this.#ended = true;
    this.#detach();
    this.#take()?.resolve(undefined);
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
      this.#source[kReader] = this;
      this.#source
        .on("data", this.#onData)
        .on("end", this.#onEnd)
        .on("error", this.#onGone)
        .on("close", this.#onGone);
    }
  }

  #detach(): void {
    this.#source[kReader] = undefined;
    this.#source
      .off("data", this.#onData)
      .off("end", this.#onEnd)
      .off("error", this.#onGone)
      .off("close", this.#onGone);
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

  #stalled(): void {
    const message = `The request body paused for more than ${this.#stallTimeoutMs} ms.`;
    this.#fail(reasonError(Code.DeadlineExceeded, "DEADLINE_EXCEEDED", message));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#detach();
    this.#take()?.reject(this.#failure);
  }
}

function clientGone(): Error {
  return reasonError(Code.Canceled, "UNSPECIFIED", "The client is gone.");
}
