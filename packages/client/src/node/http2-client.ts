import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from "node:http2";
import type { ByteClient, ByteRequest, ByteSink } from "../byte-stream.ts";
import type { Http2Sessions } from "./http2-sessions.ts";
import { toHeaders, toNodeHeaders } from "./node-headers.ts";

/** Sends requests over the connection that `sessions` keeps. */
export function createHttp2Client(sessions: Http2Sessions): ByteClient {
  return (request, sink) => {
    const exchange = new Http2Exchange(sessions, sink);
    void exchange.send(request);
    return exchange;
  };
}

/** How often a call is made again that the server did not even look at. */
const maxRefusals = 2;

class Http2Exchange {
  readonly #sessions: Http2Sessions;
  readonly #sink: ByteSink;
  #stream: ClientHttp2Stream | undefined;
  #isPaused = false;
  #isOver = false;
  #refusals = 0;

  constructor(sessions: Http2Sessions, sink: ByteSink) {
    this.#sessions = sessions;
    this.#sink = sink;
  }

  async send(request: ByteRequest): Promise<void> {
    const { pathname, search } = new URL(request.url);
    try {
      const headers = toNodeHeaders(request.header);
      this.#stream = await this.#sessions.request("POST", pathname + search, headers, {});
    } catch (error) {
      return this.#fail(error);
    }
    const stream = this.#stream;
    this.#listen(stream, request);
    if (this.#isOver) {
      stream.close(constants.NGHTTP2_CANCEL);
      return;
    }
    if (this.#isPaused) stream.pause();
    stream.end(request.body);
  }

  pause(): void {
    this.#isPaused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#stream?.resume();
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // RST_STREAM with CANCEL is how HTTP/2 says that a caller gave up.
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    this.#stream?.resume();
  }

  #listen(stream: ClientHttp2Stream, request: ByteRequest): void {
    let trailer = new Headers();
    stream.on("response", (headers: IncomingHttpHeaders & { ":status"?: number }) => {
      if (!this.#isOver) this.#sink.onHeader(headers[":status"] ?? 0, toHeaders(headers));
    });
    stream.on("data", (chunk: Uint8Array) => {
      if (this.#isOver) return;
      this.#sessions.notifyResponseByteRead(stream);
      this.#sink.onData(chunk);
    });
    stream.on("trailers", (headers: IncomingHttpHeaders) => {
      trailer = toHeaders(headers);
    });
    stream.on("end", () => {
      if (this.#isOver || stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) return;
      this.#isOver = true;
      this.#sink.onEnd(trailer);
    });
    let failure: unknown;
    stream.on("error", (error) => {
      failure = error;
    });
    stream.on("close", () => {
      if (this.#isOver) return;
      // The server has not looked at the call: it is going away, and promises that making it again is safe.
      if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM && this.#refusals++ < maxRefusals) {
        void this.send(request);
      } else {
        this.#fail(failure ?? new Error(`the stream was closed with code ${stream.rstCode}`));
      }
    });
  }

  #fail(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink.onError(reason);
  }
}
