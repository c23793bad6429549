import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { BodyReader } from "./body-reader.ts";
import type {
  DrainOutcome,
  Exchange,
  ExchangeWatcher,
  HeaderFields,
  HeadOptions,
  ResetReason,
} from "./exchange.ts";
import { waitFor } from "./wait.ts";
import { WriteWindow } from "./write-window.ts";

/** How long a broken-off stream may take to hand over what was written before. */
const flushTimeoutMs = 1_000;
/** How long a client may go on sending a body that nobody wants, so that it reads the answer. */
const lingerMs = 2_000;

const kExchange = Symbol("exchange");
type Stream = ServerHttp2Stream & { [kExchange]?: Http2Exchange };

/**
 * One HTTP/2 stream.
 *
 * What it adds to a stream stays for as long as the stream is open, so it is kept small: no closures,
 * and of the headers the flat list that they came in.
 */
export class Http2Exchange implements Exchange {
  readonly httpVersion = "2.0";
  bodyStallTimeoutMs = 0;
  readonly #stream: Stream;
  readonly #rawHeaders: readonly string[];
  readonly #window: WriteWindow;
  #watcher: ExchangeWatcher | undefined;
  #trailers: HeaderFields | undefined;
  #isHead = false;
  #hasTrailers = false;
  #ended = false;

  constructor(stream: ServerHttp2Stream, rawHeaders: readonly string[], writeWindowPieces: number) {
    this.#stream = stream;
    this.#window = new WriteWindow(stream, writeWindowPieces);
    this.#rawHeaders = rawHeaders;
    this.#stream[kExchange] = this;
    stream.on("error", ignoreError);
    stream.on("close", onStreamClose);
  }

  get method(): string {
    return this.header(":method") ?? "";
  }

  get target(): string {
    return this.header(":path") ?? "";
  }

  get scheme(): "http" | "https" {
    return "encrypted" in this.socket && this.socket.encrypted ? "https" : "http";
  }

  get authority(): string | undefined {
    return this.header(":authority") ?? this.header("host");
  }

  get socket(): Socket {
    // Node refuses some methods on the socket of a session, which nobody here calls.
    return (this.#stream.session?.socket ?? {}) as Socket;
  }

  get body(): BodyReader {
    return BodyReader.of(this.#stream, this.bodyStallTimeoutMs);
  }

  get headersSent(): boolean {
    return this.#stream.headersSent;
  }

  get closed(): boolean {
    return this.#stream.closed || this.#stream.destroyed;
  }

  header(name: string): string | undefined {
    let found: string | undefined;
    for (let index = 0; index < this.#rawHeaders.length; index += 2) {
      if (this.#rawHeaders[index] === name) {
        const value = this.#rawHeaders[index + 1]!;
        found = found === undefined ? value : `${found}${name === "cookie" ? "; " : ", "}${value}`;
      }
    }
    return found;
  }

  headers(): Headers {
    const headers = new Headers();
    for (let index = 0; index < this.#rawHeaders.length; index += 2) {
      const name = this.#rawHeaders[index]!;
      if (!name.startsWith(":")) {
        headers.append(name, this.#rawHeaders[index + 1]!);
      }
    }
    return headers;
  }

  watch(watcher: ExchangeWatcher): void {
    if (this.closed) {
      watcher.clientGone();
    } else {
      this.#watcher = watcher;
    }
  }

  writeHead(status: number, headers: HeaderFields, options: HeadOptions = {}): void {
    if (this.closed) {
      return;
    }
    this.#isHead = this.method === "HEAD";
    if (options.trailers === true) {
      this.#hasTrailers = true;
      this.#stream.on("wantTrailers", onWantTrailers);
    }
    const fields = { ":status": status, ...headers } as OutgoingHttpHeaders;
    this.#stream.respond(fields, {
      waitForTrailers: options.trailers === true,
      endStream: options.last === true,
    });
  }

  write(chunk: Uint8Array): boolean {
    return this.closed || this.#isHead || this.#window.write(chunk);
  }

  drained(timeoutMs: number): Promise<DrainOutcome> {
    return this.closed ? Promise.resolve("closed") : this.#window.drained(timeoutMs);
  }

  end(trailers?: HeaderFields): void {
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

  /** For the listeners of the stream. */
  onClose(): void {
    const watcher = this.#watcher;
    this.#watcher = undefined;
    if (!this.#ended) {
      watcher?.clientGone();
    }
  }

  /** For the listeners of the stream. */
  sendTrailers(): void {
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
}

function onStreamClose(this: Stream): void {
  this[kExchange]?.onClose();
}

function onWantTrailers(this: Stream): void {
  this[kExchange]?.sendTrailers();
}

/** The cause of every stream error is the client or a reset of ours; 'close' follows and tells. */
function ignoreError(): void {}
