import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Limits } from "../limits.ts";

/** The receive window of a whole connection: what its clients may send ahead of the handlers that read it. */
const connectionWindowBytes = 4 << 20;

/** The open HTTP/2 connections: closes idle and dead ones, and all of them in a drain. */
export class Http2Sessions {
  readonly #limits: Limits;
  readonly #sessions = new Set<ServerHttp2Session>();
  #draining = false;

  constructor(server: Http2Server, limits: Limits) {
    this.#limits = limits;
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
    const stopIdle = closeWhenIdle(session, this.#limits.idleTimeoutMs);
    session.once("close", () => {
      this.#sessions.delete(session);
      stopKeepalive();
      stopIdle();
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

/** Closes a connection that has had no stream for a while. */
function closeWhenIdle(session: ServerHttp2Session, idleTimeoutMs: number): () => void {
  if (idleTimeoutMs === 0) {
    return () => {};
  }
  let open = 0;
  let timer: NodeJS.Timeout | undefined;
  const arm = () => {
    timer = setTimeout(() => session.close(), idleTimeoutMs).unref();
  };
  session.on("stream", (stream) => {
    open++;
    clearTimeout(timer);
    stream.once("close", () => {
      open--;
      if (open === 0 && !session.closed) {
        arm();
      }
    });
  });
  arm();
  return () => clearTimeout(timer);
}
