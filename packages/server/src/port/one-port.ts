import * as http from "node:http";
import * as http2 from "node:http2";
import * as net from "node:net";
import * as tls from "node:tls";
import type { Exchange } from "../http/exchange.ts";
import { Http1Exchange } from "../http/http1-exchange.ts";
import type { Limits } from "../limits.ts";
import { answerClientError } from "./client-error.ts";
import { Http2Sessions } from "./http2-sessions.ts";
import { type SniffedProtocol, sniffProtocol } from "./sniff.ts";

/** Certificates of a server, as PEM. */
export interface TlsOptions {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** If given, clients must present a certificate of this authority (mutual TLS). */
  readonly ca?: string | Buffer;
}

/** How a port is made. */
export interface OnePortOptions {
  readonly limits: Limits;
  readonly tls?: TlsOptions | undefined;
  /** Called for every request. Must not throw. */
  readonly onExchange: (exchange: Exchange) => void;
  /** Called when the listener fails after it began to listen. */
  readonly onError: (error: Error) => void;
}

/**
 * One listener for HTTP/1.1 and HTTP/2, with TLS (decided by ALPN) or without (decided by the first bytes).
 *
 * Node's own servers speak one of them each; they sit behind it and never listen.
 */
export class OnePort {
  readonly #limits: Limits;
  readonly #onError: (error: Error) => void;
  readonly #front: net.Server;
  readonly #http1: http.Server;
  readonly #http2: http2.Http2Server;
  readonly #sessions: Http2Sessions;
  readonly #sockets = new Set<net.Socket>();
  readonly #undecided = new Set<() => void>();
  #draining = false;
  #closed: Promise<void> | undefined;

  constructor(options: OnePortOptions) {
    this.#limits = options.limits;
    this.#onError = options.onError;
    this.#http1 = createHttp1(options, () => this.#draining);
    this.#http2 = createHttp2(options);
    this.#sessions = new Http2Sessions(this.#http2, options.limits, options.onExchange);
    this.#front = options.tls ? this.#secureFront(options.tls) : this.#plainFront();
    this.#front.maxConnections = options.limits.maxConnections;
  }

  /** Starts to listen; port 0 picks a free one. Rejects if the address is taken. */
  async listen(host: string, port: number): Promise<net.AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.#front.once("error", reject);
      this.#front.listen(port, host, () => {
        this.#front.off("error", reject);
        this.#front.on("error", this.#onError);
        resolve();
      });
    });
    return this.#front.address() as net.AddressInfo;
  }

  /** Accepts no more connections and calls. Resolves when the last connection is gone. */
  drain(): Promise<void> {
    if (this.#closed === undefined) {
      this.#draining = true;
      const idle = setInterval(() => this.#http1.closeIdleConnections(), 50);
      this.#closed = new Promise<void>((resolve) => {
        this.#front.close(() => resolve());
      }).then(() => {
        clearInterval(idle);
        // Stops the timer that checks for slow headers.
        this.#http1.close();
      });
      this.#sessions.drain();
      this.#http1.closeIdleConnections();
      for (const giveUp of [...this.#undecided]) {
        giveUp();
      }
    }
    return this.#closed;
  }

  /** Destroys every connection. */
  destroy(): void {
    this.#sessions.destroy();
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  #plainFront(): net.Server {
    return net.createServer({ noDelay: true }, (socket) => {
      this.#track(socket);
      this.#sniff(socket);
    });
  }

  #secureFront({ cert, key, ca }: TlsOptions): tls.Server {
    const mutual = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true };
    const server = tls.createServer(
      {
        cert,
        key,
        ...mutual,
        minVersion: "TLSv1.2",
        ALPNProtocols: ["h2", "http/1.1"],
        handshakeTimeout: this.#limits.headerTimeoutMs,
        noDelay: true,
      },
      (socket) => {
        socket.on("error", () => {});
        if (socket.alpnProtocol === "h2") {
          this.#hand(socket, "http2");
        } else if (socket.alpnProtocol === "http/1.1") {
          this.#hand(socket, "http1");
        } else {
          this.#sniff(socket);
        }
      },
    );
    // The raw sockets: they exist before the handshake, which a client may never finish.
    server.on("connection", (socket) => this.#track(socket));
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    return server;
  }

  #track(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
  }

  #sniff(socket: net.Socket): void {
    socket.on("error", () => {});
    const giveUp = sniffProtocol(socket, this.#limits.headerTimeoutMs, (protocol) => {
      this.#undecided.delete(giveUp);
      this.#hand(socket, protocol);
    });
    this.#undecided.add(giveUp);
    socket.once("close", () => this.#undecided.delete(giveUp));
  }

  #hand(socket: net.Socket, protocol: SniffedProtocol): void {
    if (protocol === "http2") {
      this.#http2.emit("connection", socket);
    } else {
      this.#http1.emit("connection", socket);
      process.nextTick(() => socket.resume());
    }
  }
}

function createHttp1(options: OnePortOptions, draining: () => boolean): http.Server {
  const { limits, onExchange } = options;
  const responses = new WeakMap<object, http.ServerResponse>();
  const server = http.createServer(
    {
      headersTimeout: limits.headerTimeoutMs,
      // Streams have no end in time; the body readers watch for pauses.
      requestTimeout: 0,
      keepAliveTimeout: 65_000,
      maxHeaderSize: limits.maxHeaderBytes,
      connectionsCheckingInterval: Math.min(limits.headerTimeoutMs, 5_000),
      // The router answers it, with a reason.
      requireHostHeader: false,
    },
    (request, response) => {
      if (draining()) {
        response.shouldKeepAlive = false;
      }
      const { socket } = request;
      responses.set(socket, response);
      response.once("close", () => responses.delete(socket));
      onExchange(new Http1Exchange(request, response, limits.writeWindowPieces));
    },
  );
  server.on("clientError", (error, socket) => {
    answerClientError(error, socket, responses.get(socket)?.headersSent === true);
  });
  // Node arms the header timeout and closeIdleConnections() when a server starts to listen. This one never does.
  server.emit("listening");
  return server;
}

function createHttp2({ limits }: OnePortOptions): http2.Http2Server {
  const server = http2.createServer({
    settings: {
      maxConcurrentStreams: limits.maxStreamsPerConnection,
      initialWindowSize: 256 << 10,
      maxHeaderListSize: limits.maxHeaderBytes,
    },
    // Megabytes; Node's 10 refuse streams where many readers are slow at the same time.
    maxSessionMemory: 128,
  });
  server.on("error", () => {});
  return server;
}
