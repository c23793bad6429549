import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Exchange } from "../http/exchange.ts";
import { Http2Exchange } from "../http/http2-exchange.ts";
import type { Limits } from "../limits.ts";

/** The receive window of a whole connection: what its clients may send ahead of the handlers that read it. */
const connectionWindowBytes = 4 << 20;

/** The open HTTP/2 connections: closes idle and dead ones, and all of them in a drain. */
export class Http2Sessions {
  readonly #limits: Limits;
  readonly #onExchange: (exchange: Exchange) => void;
  readonly #sessions = new Set<ServerHttp2Session>();
  #draining = false;

  constructor(server: Http2Server, limits: Limits, onExchange: (exchange: Exchange) => void) {
    this.#limits = limits;
    this.#onExchange = onExchange;
    server.on("session", (session) => this.#add(session));
    // A connection's own errors end that connection only.
    server.on("sessionError", () => {});
  }

  /** Sends GOAWAY everywhere: open streams may finish, new ones go elsewhere. */
  drain(): void {
    this.#draining = true;
    for (const session of this.#sessions) {
      session.close();
    }
  }

  /** Destroys every connection. */
  destroy(): void {
    for (const session of this.#sessions) {
      session.destroy();
    }
  }

  #add(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.on("error", () => {});
    if (this.#draining) {
      session.close();
      return;
    }
    session.setLocalWindowSize(connectionWindowBytes);
    const stopKeepalive = keepAlive(session, this.#limits);
    const idle = new IdleTimer(session, this.#limits.idleTimeoutMs);
    session.on("stream", (stream, _headers, _flags, rawHeaders) => {
      idle.opened();
      // One listener for all streams of the connection: what a stream adds stays as long as it is open.
      stream.on("close", idle.closed);
      this.#onExchange(new Http2Exchange(stream, rawHeaders, this.#limits.writeWindowPieces));
    });
    session.once("close", () => {
      this.#sessions.delete(session);
      stopKeepalive();
      idle.stop();
    });
  }
}

/** Pings a connection from which nothing came for a while, and destroys it when it does not answer. */
function keepAlive(session: ServerHttp2Session, limits: Limits): () => void {
  if (limits.keepaliveMs === 0) {
    return () => {};
  }
  let seenBytes = -1;
  let deadline: NodeJS.Timeout | undefined;
  const tick = setInterval(() => {
    const bytesRead = session.socket?.bytesRead ?? 0;
    if (bytesRead !== seenBytes || deadline !== undefined || session.destroyed) {
      seenBytes = bytesRead;
      return;
    }
    deadline = setTimeout(() => {
      deadline = undefined;
      // Window updates prove life too, where the answer waits behind much data.
      if (session.socket?.bytesRead === seenBytes) {
        session.destroy();
      }
    }, limits.keepaliveTimeoutMs);
    session.ping(() => {
      clearTimeout(deadline);
      deadline = undefined;
    });
  }, limits.keepaliveMs);
  tick.unref();
  return () => {
    clearInterval(tick);
    clearTimeout(deadline);
  };
}

/** Counts the streams of a connection, and closes it when it has had none for a while. */
class IdleTimer {
  readonly #session: ServerHttp2Session;
  readonly #idleTimeoutMs: number;
  #open = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(session: ServerHttp2Session, idleTimeoutMs: number) {
    this.#session = session;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#arm();
  }

  /** A stream began. */
  opened(): void {
    this.#open++;
    clearTimeout(this.#timer);
  }

  /** A stream ended. */
  readonly closed = (): void => {
    this.#open--;
    if (this.#open === 0 && !this.#session.closed) {
      this.#arm();
    }
  };

  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(): void {
    if (this.#idleTimeoutMs > 0) {
      this.#timer = setTimeout(() => this.#session.close(), this.#idleTimeoutMs).unref();
    }
  }
}
