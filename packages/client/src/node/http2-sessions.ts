import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect,
  constants,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from "node:http2";

/** How connections are made and kept. */
export interface Http2SessionsOptions {
  /** What Node's `http2.connect` takes, such as certificates and settings. */
  readonly connect?: SecureClientSessionOptions;
  /** How long a connection may take to be made, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** A connection on which nothing came for so long is asked whether it is alive, in milliseconds. Default 20,000. */
  readonly pingIntervalMs?: number;
  /** How long the answer may take, in milliseconds, before the connection is dropped. Default 10,000. */
  readonly pingTimeoutMs?: number;
  /** A connection without calls is closed after so long, in milliseconds. Default 15 minutes. */
  readonly idleTimeoutMs?: number;
}

/**
 * How many bytes all streams of a connection may have in flight towards us. Node returns the window of the
 * connection as data arrives, so a reader that stalls does not use it up; it only has to cover the distance.
 */
const connectionWindowBytes = 4 << 20;

/**
 * Keeps one HTTP/2 connection to a server, for all calls, and replaces it when it is lost, told to go away or
 * dead. Calls on a connection that goes away are finished on it.
 *
 * Stock transports take it as their `sessionManager`. It stands in for that of `@connectrpc/connect-node`
 * 2.2, whose process ends with an uncaught exception when an idle connection is told to go away.
 */
export class Http2Sessions {
  /** The origin of the server. Stock transports check it. */
  readonly authority: string;
  readonly #options: Required<Http2SessionsOptions>;
  readonly #connections = new Set<Connection>();
  #current: Promise<Connection> | undefined;

  constructor(baseUrl: string, options: Http2SessionsOptions = {}) {
    this.authority = new URL(baseUrl).origin;
    this.#options = {
      connect: options.connect ?? {},
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      pingIntervalMs: options.pingIntervalMs ?? 20_000,
      pingTimeoutMs: options.pingTimeoutMs ?? 10_000,
      idleTimeoutMs: options.idleTimeoutMs ?? 15 * 60_000,
    };
  }

  /** How many connections are open: one, and those on which calls are being finished. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Sends the head of a request, over a new connection if need be. Rejects if there is none to be had. */
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: Omit<ClientSessionRequestOptions, "signal">,
  ): Promise<ClientHttp2Stream> {
    for (;;) {
      const current = this.#current ?? this.#connect();
      const connection = await current;
      if (await connection.isUsable()) {
        return connection.request({ ...headers, ":method": method, ":path": path }, options);
      }
      if (this.#current === current) this.#current = undefined;
    }
  }

  /** Says that something was received on a stream: its connection is alive. */
  notifyResponseByteRead(stream: ClientHttp2Stream): void {
    for (const connection of this.#connections) connection.noteAlive(stream);
  }

  /** Drops all connections. Calls on them fail; a later call makes a new one. */
  close(): void {
    this.#current = undefined;
    for (const connection of this.#connections)
      connection.destroy(brokenBy("ECONNABORTED", "the client was closed"));
  }

  #connect(): Promise<Connection> {
    const session = connect(this.authority, this.#options.connect);
    const connection = new Connection(session, this.#options);
    this.#connections.add(connection);
    session.once("close", () => this.#connections.delete(connection));
    const opened = connection.opened.then(() => connection);
    this.#current = opened;
    const forget = () => {
      if (this.#current === opened) this.#current = undefined;
    };
    session.once("close", forget);
    session.once("goaway", forget);
    opened.catch(forget);
    return opened;
  }
}

class Connection {
  readonly opened: Promise<void>;
  readonly #session: ClientHttp2Session;
  readonly #options: Required<Http2SessionsOptions>;
  #streamCount = 0;
  #aliveAt = performance.now();
  #isGoingAway = false;
  #pinging: Promise<boolean> | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  readonly #pingTimer: NodeJS.Timeout | undefined;

  constructor(session: ClientHttp2Session, options: Required<Http2SessionsOptions>) {
    this.#session = session;
    this.#options = options;
    this.opened = this.#open();
    session.once("goaway", () => {
      this.#isGoingAway = true;
    });
    session.once("close", () => {
      clearInterval(this.#pingTimer);
      clearTimeout(this.#idleTimer);
    });
    const { pingIntervalMs } = options;
    if (pingIntervalMs <= 0x7fffffff) {
      this.#pingTimer = setInterval(() => {
        if (this.#streamCount > 0) void this.#isAlive();
      }, pingIntervalMs).unref();
    }
  }

  /** Whether a call may be made on it; asks the server if nothing was heard of it for long. */
  async isUsable(): Promise<boolean> {
    return this.#isOpen() && (await this.#isAlive()) && this.#isOpen();
  }

  request(headers: OutgoingHttpHeaders, options: ClientSessionRequestOptions): ClientHttp2Stream {
    const stream = this.#session.request(headers, options);
    this.#streamCount += 1;
    if (this.#streamCount === 1) this.#session.ref();
    clearTimeout(this.#idleTimer);
    stream.once("close", () => {
      this.#streamCount -= 1;
      if (this.#streamCount === 0) this.#rest();
    });
    return stream;
  }

  noteAlive(stream: ClientHttp2Stream): void {
    if (stream.session === this.#session) this.#aliveAt = performance.now();
  }

  destroy(reason: Error): void {
    if (!this.#session.destroyed) this.#session.destroy(reason, constants.NGHTTP2_CANCEL);
  }

  #open(): Promise<void> {
    const session = this.#session;
    return new Promise((resolve, reject) => {
      const { connectTimeoutMs } = this.#options;
      const timer = setTimeout(
        () => this.destroy(brokenBy("ETIMEDOUT", `no connection within ${connectTimeoutMs} ms`)),
        connectTimeoutMs,
      );
      session.once("connect", () => {
        clearTimeout(timer);
        // It may have been destroyed since; its "close" says so.
        if (session.destroyed) return;
        session.setLocalWindowSize(connectionWindowBytes);
        this.#rest();
        resolve();
      });
      // Stays for as long as the session does: an error that nobody listens to ends the process.
      session.on("error", reject);
      session.once("close", () => {
        clearTimeout(timer);
        reject(brokenBy("ECONNRESET", "the connection was closed"));
      });
    });
  }

  /** Without calls it keeps no process running, and is closed after a while. */
  #rest(): void {
    if (this.#session.destroyed) return;
    this.#session.unref();
    this.#idleTimer = setTimeout(() => this.#session.close(), this.#options.idleTimeoutMs).unref();
  }

  #isOpen(): boolean {
    return !this.#isGoingAway && !this.#session.closed && !this.#session.destroyed;
  }

  /** Pings, unless something came of late; a connection that does not answer is dropped. */
  async #isAlive(): Promise<boolean> {
    if (performance.now() - this.#aliveAt < this.#options.pingIntervalMs) return true;
    this.#pinging ??= this.#ping().finally(() => {
      this.#pinging = undefined;
    });
    return this.#pinging;
  }

  #ping(): Promise<boolean> {
    return new Promise((resolve) => {
      const { pingTimeoutMs } = this.#options;
      const timer = setTimeout(
        () =>
          this.destroy(brokenBy("ETIMEDOUT", `the server did not answer a ping within ${pingTimeoutMs} ms`)),
        pingTimeoutMs,
      );
      const settle = (isAlive: boolean) => {
        clearTimeout(timer);
        this.#session.off("close", onClose);
        if (isAlive) this.#aliveAt = performance.now();
        resolve(isAlive);
      };
      const onClose = () => settle(false);
      this.#session.once("close", onClose);
      const isSent = !this.#session.destroyed && this.#session.ping((error) => settle(error === null));
      if (!isSent) settle(false);
    });
  }
}

/** An error with a code of the system, as those have that come from there: it is no fault of the call. */
function brokenBy(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
