import type { IncomingMessage, ServerResponse } from "node:http";
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

/** How long a broken-off response may take to hand over what was written before. */
const flushTimeoutMs = 1_000;
/** How long a client may go on sending a body that nobody wants, so that it reads the answer. */
const lingerMs = 2_000;

/** One HTTP/1.1 request and response. */
export class Http1Exchange implements Exchange {
  bodyStallTimeoutMs = 0;
  readonly target: string;
  readonly authority: string | undefined;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #window: WriteWindow;
  #watcher: ExchangeWatcher | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, writeWindowPieces: number) {
    this.#request = request;
    this.#response = response;
    this.#window = new WriteWindow(response, writeWindowPieces);
    // What a proxy's client sends: GET http://host/path. Its authority wins over Host (RFC 9112, 3.2.2).
    const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(request.url ?? "");
    this.target = absolute ? absolute[2] || "/" : (request.url ?? "");
    this.authority = absolute ? absolute[1] : request.headers.host;
    request.on("error", () => {});
    response.on("error", () => {});
    response.once("close", () => this.#onClose());
  }

  get httpVersion(): string {
    return this.#request.httpVersion;
  }

  get method(): string {
    return this.#request.method ?? "";
  }

  get scheme(): "http" | "https" {
    return "encrypted" in this.socket && this.socket.encrypted ? "https" : "http";
  }

  get socket(): Socket {
    return this.#request.socket;
  }

  get body(): BodyReader {
    return BodyReader.of(this.#request, this.bodyStallTimeoutMs);
  }

  get headersSent(): boolean {
    return this.#response.headersSent;
  }

  get closed(): boolean {
    return this.#response.destroyed || this.#response.closed;
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  }

  headers(): Headers {
    const headers = new Headers();
    for (const [name, values] of Object.entries(this.#request.headersDistinct)) {
      for (const value of values ?? []) {
        headers.append(name, value);
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
    const fields: Record<string, string | string[]> = {};
    for (const [name, value] of Object.entries(headers)) {
      fields[name] = typeof value === "string" ? value : [...value];
    }
    if (options.trailers === true) {
      fields.trailer = "grpc-status, grpc-message, grpc-status-details-bin";
    }
    this.#response.writeHead(status, fields);
    this.#response.flushHeaders();
  }

  write(chunk: Uint8Array): boolean {
    return this.closed || this.#window.write(chunk);
  }

  drained(timeoutMs: number): Promise<DrainOutcome> {
    return this.closed ? Promise.resolve("closed") : this.#window.drained(timeoutMs);
  }

  end(trailers?: HeaderFields): void {
    if (this.closed) {
      return;
    }
    if (trailers) {
      this.#response.addTrailers(trailers as Record<string, string>);
    }
    this.#response.end();
    if (!this.#request.complete) {
      this.#linger();
    }
  }

  async finished(timeoutMs: number): Promise<DrainOutcome> {
    if (this.#response.writableFinished) {
      return "drained";
    }
    return this.closed ? "closed" : waitFor(this.#response, "finish", timeoutMs);
  }

  reset(reason: ResetReason): void {
    const { socket } = this;
    // Without chunks (HTTP/1.0) the end of the connection is the end of the body: only RST breaks it off.
    if (reason === "slow" || !this.#response.chunkedEncoding) {
      destroyAbruptly(socket);
      return;
    }
    // Else the missing last chunk tells, and what was written before can still arrive.
    void this.drained(flushTimeoutMs).then(() => {
      if (socket.writableLength > 0 && !socket.destroyed) {
        void waitFor(socket, "drain", flushTimeoutMs).then(() => socket.destroy());
      } else {
        socket.destroy();
      }
    });
  }

  #linger(): void {
    const timer = setTimeout(() => this.socket.destroy(), lingerMs);
    this.#request.once("close", () => clearTimeout(timer));
    this.body.discard();
  }

  #onClose(): void {
    const watcher = this.#watcher;
    this.#watcher = undefined;
    if (!this.#response.writableFinished) {
      watcher?.clientGone();
    }
  }
}

function destroyAbruptly(socket: Socket): void {
  // TLS sockets have no RST of their own; without close_notify, their end is no clean one either.
  if ("encrypted" in socket && socket.encrypted) {
    socket.destroy();
  } else {
    socket.resetAndDestroy();
  }
}
