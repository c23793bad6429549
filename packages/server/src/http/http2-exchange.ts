import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { BodyReader } from "./body-reader.ts";
import type { DrainOutcome, Exchange, HeaderFields, ResetReason } from "./exchange.ts";
import { waitFor } from "./wait.ts";

/** How long a broken-off stream may take to hand over what was written before. */
const flushTimeoutMs = 1_000;
/** How long a client may go on sending a body that nobody wants, so that it reads the answer. */
const lingerMs = 2_000;

/** One HTTP/2 stream. */
export class Http2Exchange implements Exchange {
  readonly httpVersion = "2.0";
  readonly headers: IncomingHttpHeaders;
  readonly #stream: ServerHttp2Stream;
  #body: BodyReader | undefined;
  #listeners: (() => void)[] = [];
  #trailers: HeaderFields = {};
  #hasTrailers = false;
  #ended = false;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.#stream = stream;
    this.headers = headers;
    // The cause of every stream error is the client or a reset of ours; 'close' follows and tells.
    stream.on("error", () => {});
    stream.once("close", () => this.#onClose());
  }

  get method(): string {
    return this.headers[":method"] ?? "";
  }

  get target(): string {
    return this.headers[":path"] ?? "";
  }

  get scheme(): "http" | "https" {
    return "encrypted" in this.socket && this.socket.encrypted ? "https" : "http";
  }

  get authority(): string | undefined {
    return this.headers[":authority"] ?? this.headers.host;
  }

  get socket(): Socket {
    // Node refuses some methods on the socket of a session, which nobody here calls.
    return (this.#stream.session?.socket ?? {}) as Socket;
  }

  get body(): BodyReader {
    this.#body ??= new BodyReader(this.#stream);
    return this.#body;
  }

  get headersSent(): boolean {
    return this.#stream.headersSent;
  }

  get closed(): boolean {
    return this.#stream.closed || this.#stream.destroyed;
  }

  onAbort(listener: () => void): void {
    if (this.closed) {
      listener();
    } else {
      this.#listeners.push(listener);
    }
  }

  writeHead(status: number, headers: HeaderFields, options: { readonly trailers?: boolean } = {}): void {
    if (this.closed) {
      return;
    }
    if (options.trailers === true) {
      this.#hasTrailers = true;
      this.#stream.once("wantTrailers", () => this.#sendTrailers());
    }
    const fields = { ":status": status, ...headers } as OutgoingHttpHeaders;
    this.#stream.respond(fields, { waitForTrailers: options.trailers === true });
  }

  write(chunk: Uint8Array): boolean {
    return this.closed || this.method === "HEAD" || this.#stream.write(chunk);
  }

  drained(timeoutMs: number): Promise<DrainOutcome> {
    if (this.closed) {
      return Promise.resolve("closed");
    }
    return this.#stream.writableNeedDrain
      ? waitFor(this.#stream, "drain", timeoutMs)
      : Promise.resolve("drained");
  }

  end(trailers: HeaderFields = {}): void {
    this.#ended = true;
    this.#trailers = trailers;
    if (!this.closed) {
      this.#stream.end(() => {
        if (!this.#hasTrailers) {
          this.#refuseRest();
        }
      });
    }
  }

  #sendTrailers(): void {
    this.#stream.sendTrailers({ ...this.#trailers } as OutgoingHttpHeaders);
    this.#refuseRest();
  }

  /** Lets a client that still sends read the answer first; then tells it that nobody listens. */
  #refuseRest(): void {
    if (this.#stream.readableEnded || this.closed) {
      return;
    }
    const timer = setTimeout(() => this.#stream.close(constants.NGHTTP2_NO_ERROR), lingerMs);
    this.#stream.once("close", () => clearTimeout(timer));
    this.body.discard();
  }

  async finished(timeoutMs: number): Promise<DrainOutcome> {
    if (this.#stream.writableFinished) {
      return "drained";
    }
    return this.closed ? "closed" : waitFor(this.#stream, "finish", timeoutMs);
  }

  reset(reason: ResetReason): void {
    this.#ended = true;
    // gRPC and Connect read ENHANCE_YOUR_CALM as RESOURCE_EXHAUSTED.
    const code = reason === "slow" ? constants.NGHTTP2_ENHANCE_YOUR_CALM : constants.NGHTTP2_INTERNAL_ERROR;
    const flushed = reason === "slow" ? Promise.resolve() : this.drained(flushTimeoutMs);
    void flushed.then(() => {
      if (!this.closed) {
        this.#stream.close(code);
      }
    });
  }

  #onClose(): void {
    const listeners = this.#listeners;
    this.#listeners = [];
    if (!this.#ended) {
      for (const listener of listeners) {
        listener();
      }
    }
  }
}
