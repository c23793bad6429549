import { connect, createServer, type Server, type Socket } from "node:net";

/** Where a proxy leads. */
export interface FaultProxyOptions {
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
}

/**
 * A TCP proxy that breaks connections in the ways that networks do. Bytes pass unchanged until it is told to
 * do otherwise.
 */
export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  /** "http://127.0.0.1:port". */
  readonly url: string;
  /** How many connections are open. */
  readonly connectionCount: number;
  /** How many connections were ever accepted. */
  readonly acceptedCount: number;
  /** How many bytes came from the target, over all connections. */
  readonly receivedBytes: number;
  /** Resets every open connection, on both sides. New ones are accepted. */
  cut(): void;
  /** Resets the next connection, or one that is open, after so many more bytes from the target. */
  cutAfter(bytes: number): void;
  /** Passes nothing on in either direction, and closes nothing: a dead network. New connections stall too. */
  stall(): void;
  /** Passes on again, what was held first. */
  resume(): void;
  /** Whether new connections are reset at once. */
  refuse(isRefusing: boolean): void;
  /** Leads new connections to another port, as when a server was restarted. */
  retarget(port: number): void;
  /** Resets everything and stops listening. */
  close(): Promise<void>;
}

/** Starts a proxy on a free port of the loopback interface. */
export async function createFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new TcpFaultProxy(options);
  await proxy.listen();
  return proxy;
}

class TcpFaultProxy implements FaultProxy {
  readonly #server: Server;
  readonly #host: string;
  readonly #pairs = new Map<Socket, Socket>();
  #targetPort: number;
  #isStalled = false;
  #isRefusing = false;
  #bytesLeft = Number.POSITIVE_INFINITY;
  port = 0;
  acceptedCount = 0;
  receivedBytes = 0;

  constructor({ port, host = "127.0.0.1" }: FaultProxyOptions) {
    this.#targetPort = port;
    this.#host = host;
    this.#server = createServer((client) => this.#accept(client));
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", () => {
        const address = this.#server.address();
        if (address !== null && typeof address === "object") this.port = address.port;
        resolve();
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get connectionCount(): number {
    return this.#pairs.size;
  }

  cut(): void {
    for (const client of this.#pairs.keys()) this.#reset(client);
  }

  cutAfter(bytes: number): void {
    this.#bytesLeft = bytes;
  }

  stall(): void {
    this.#isStalled = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  resume(): void {
    this.#isStalled = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing;
  }

  retarget(port: number): void {
    this.#targetPort = port;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accept(client: Socket): void {
    this.acceptedCount += 1;
    client.on("error", () => {});
    if (this.#isRefusing) {
      client.resetAndDestroy();
      return;
    }
    const target = connect(this.#targetPort, this.#host);
    this.#pairs.set(client, target);
    for (const socket of [client, target]) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => this.#closed(client));
    }
    client.on("data", (chunk) => this.#pass(chunk, client, target));
    client.on("end", () => target.end());
    target.on("data", (chunk) => this.#receive(chunk, client, target));
    target.on("end", () => client.end());
    if (this.#isStalled) for (const socket of [client, target]) socket.pause();
  }

  #receive(chunk: Buffer, client: Socket, target: Socket): void {
    this.receivedBytes += chunk.length;
    if (chunk.length < this.#bytesLeft) {
      this.#bytesLeft -= chunk.length;
      this.#pass(chunk, target, client);
      return;
    }
    const last = chunk.subarray(0, this.#bytesLeft);
    this.#bytesLeft = Number.POSITIVE_INFINITY;
    // A reset towards the client could overtake the bytes that it is to get.
    client.end(last);
    target.resetAndDestroy();
  }

  /** Passes a chunk on and waits while the other side is behind, as a network without a buffer would. */
  #pass(chunk: Buffer, from: Socket, to: Socket): void {
    if (to.destroyed || to.write(chunk)) return;
    from.pause();
    to.once("drain", () => {
      if (!this.#isStalled) from.resume();
    });
  }

  /** One side is gone: the other one follows, after what was sent to it. */
  #closed(client: Socket): void {
    const target = this.#pairs.get(client);
    if (target === undefined) return;
    this.#pairs.delete(client);
    if (client.destroyed && !target.destroyed) target.resetAndDestroy();
    else if (!client.destroyed) client.destroySoon();
  }

  #reset(client: Socket): void {
    const target = this.#pairs.get(client);
    this.#pairs.delete(client);
    for (const socket of [client, target]) if (socket?.destroyed === false) socket.resetAndDestroy();
  }
}
