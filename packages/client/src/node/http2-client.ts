import { type ClientHttp2Stream, constants, type Http2Session, type IncomingHttpHeaders } from "node:http2";
import type { Http2SessionManager } from "@connectrpc/connect-node";
import type { ByteClient, ByteRequest, ByteSink } from "../byte-stream.ts";
import { toHeaders, toNodeHeaders } from "./node-headers.ts";

/**
 * How many bytes all streams of a connection may have in flight towards us. Node returns the window of the
 * connection as data arrives, so a reader that stalls does not use it up; it only has to cover the distance.
 */
const connectionWindowBytes = 4 << 20;

/** Sends requests over the connection of a session manager, which stock transports may share. */
export function createHttp2Client(sessions: Http2SessionManager): ByteClient {
  const tuned = new WeakSet<Http2Session>();
  return (request, sink) => {
    const exchange = new Http2Exchange(sessions, sink);
    void exchange.send(request, tuned);
    return exchange;
  };
}

class Http2Exchange {
  readonly #sessions: Http2SessionManager;
  readonly #sink: ByteSink;
  #stream: ClientHttp2Stream | undefined;
  #isPaused = false;
  #isOver = false;

  constructor(sessions: Http2SessionManager, sink: ByteSink) {
    this.#sessions = sessions;
    this.#sink = sink;
  }

  async send(request: ByteRequest, tuned: WeakSet<Http2Session>): Promise<void> {
    const { pathname, search } = new URL(request.url);
    try {
      const headers = toNodeHeaders(request.header);
      this.#stream = await this.#sessions.request("POST", pathname + search, headers, {});
    } catch (error) {
      return this.#fail(error);
    }
    const stream = this.#stream;
    this.#listen(stream);
    if (this.#isOver) {
      stream.close(constants.NGHTTP2_CANCEL);
      return;
    }
    if (stream.session !== undefined && !tuned.has(stream.session)) {
      tuned.add(stream.session);
      // The types do not know that only a server's session may lack the method.
      (stream.session as Http2Session).setLocalWindowSize(connectionWindowBytes);
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

  #listen(stream: ClientHttp2Stream): void {
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
      if (this.#isOver) return;
      this.#isOver = true;
      this.#sink.onEnd(trailer);
    });
    stream.on("error", (error) => this.#fail(error));
    stream.on("close", () => this.#fail(new Error(`the stream was closed with code ${stream.rstCode}`)));
  }

  #fail(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink.onError(reason);
  }
}
