import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import type { SecureContextOptions } from "node:tls";
import type { ByteClient, ByteSink } from "../byte-stream.ts";
import { toHeaders, toNodeHeaders } from "./node-headers.ts";

/** A client for HTTP/1.1, with connections of its own. */
export interface Http1Client {
  readonly client: ByteClient;
  /** Keeps its connections. */
  readonly agent: HttpAgent | HttpsAgent;
  /** Closes the connections. */
  close(): void;
}

/** Sends requests over HTTP/1.1, each on a connection that is kept for the next one. */
export function createHttp1Client(
  baseUrl: string,
  connect: SecureContextOptions & { readonly lookup?: LookupFunction },
): Http1Client {
  const isSecure = new URL(baseUrl).protocol === "https:";
  const options = { keepAlive: true, ...connect };
  const agent = isSecure ? new HttpsAgent(options) : new HttpAgent(options);
  const send = isSecure ? httpsRequest : httpRequest;
  const client: ByteClient = ({ url, header, body }, sink) => {
    const exchange = new Http1Exchange(sink);
    const request = send(url, { method: "POST", headers: toNodeHeaders(header), agent });
    exchange.listen(request);
    request.end(body);
    return exchange;
  };
  return { client, agent, close: () => agent.destroy() };
}

class Http1Exchange {
  readonly #sink: ByteSink;
  #request: ReturnType<typeof httpRequest> | undefined;
  #response: IncomingMessage | undefined;
  #isPaused = false;
  #isOver = false;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  listen(request: ReturnType<typeof httpRequest>): void {
    this.#request = request;
    request.on("error", (error) => this.#fail(error));
    // Once there is a response, its own end counts: the connection may be gone before everything was read.
    request.on("close", () => {
      if (this.#response === undefined) this.#fail(new Error("the connection was closed"));
    });
    request.on("response", (response) => {
      this.#response = response;
      if (this.#isOver) return;
      this.#sink.onHeader(response.statusCode ?? 0, toHeaders(response.headers));
      response.on("data", (chunk: Uint8Array) => {
        if (!this.#isOver) this.#sink.onData(chunk);
      });
      response.on("end", () => {
        if (this.#isOver) return;
        this.#isOver = true;
        this.#sink.onEnd(toHeaders(response.trailers));
      });
      response.on("error", (error) => this.#fail(error));
      response.on("close", () => this.#fail(new Error("the connection was closed")));
      if (this.#isPaused) response.pause();
    });
  }

  pause(): void {
    this.#isPaused = true;
    this.#response?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#response?.resume();
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#request?.destroy();
  }

  #fail(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink.onError(reason);
  }
}
