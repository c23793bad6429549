/** One request whose answer is read as a stream of bytes. Always a POST. */
export interface ByteRequest {
  /** The whole URL of the method. */
  readonly url: string;
  readonly header: Headers;
  /** The whole body. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Takes what comes in answer to a request. After `onEnd` or `onError` nothing else is called. */
export interface ByteSink {
  /** The status line and the header came. Called once, before any data. */
  onHeader(status: number, header: Headers): void;
  /** A chunk of the body. It is the sink's from now on and is not changed by anybody. */
  onData(chunk: Uint8Array): void;
  /** The body is complete. Trailers are empty where the wire has none. */
  onEnd(trailer: Headers): void;
  /** No answer, or it broke off. The reason is whatever the platform says. */
  onError(reason: unknown): void;
}

/** The answer's side of a request that was sent. */
export interface ByteStream {
  /** Asks for no more data until `resume`. What is on its way may still come. */
  pause(): void;
  /** Takes data again. */
  resume(): void;
  /** Drops the answer and tells the server so. The sink hears nothing more. */
  close(): void;
}

/** Sends a request and streams its answer into a sink: what HTTP is to this package. */
export type ByteClient = (request: ByteRequest, sink: ByteSink) => ByteStream;
