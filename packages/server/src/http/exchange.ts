import type { Socket } from "node:net";
import type { BodyReader } from "./body-reader.ts";

/** Response headers or trailers: lower-case names. */
export type HeaderFields = Readonly<Record<string, string | readonly string[]>>;

/** What follows the headers of a response. */
export interface HeadOptions {
  /** Whether {@link Exchange.end} gets trailers. */
  readonly trailers?: boolean;
  /** Whether neither a body nor trailers follow. gRPC reads a status from such headers only. */
  readonly last?: boolean;
}

/** How waiting for a reader ended. */
export type DrainOutcome = "drained" | "closed" | "stalled";

/** Why a response is broken off: `slow` because of its reader, `failed` because of us. */
export type ResetReason = "failed" | "slow";

/** Who wants to know that a client is gone. */
export interface ExchangeWatcher {
  clientGone(): void;
}

/**
 * One HTTP request and its response, alike for HTTP/1.1 and HTTP/2.
 *
 * HTTP/2 goes without Node's compatibility layer: a stream that is open for hours costs what it must.
 */
export interface Exchange {
  readonly httpVersion: string;
  readonly method: string;
  /** Path and query as they came. */
  readonly target: string;
  readonly scheme: "http" | "https";
  /** The Host header or `:authority`; undefined if the client sent none. */
  readonly authority: string | undefined;
  readonly socket: Socket;
  /** How long the body may pause; 0 means for ever. Set before the body is read. */
  bodyStallTimeoutMs: number;
  readonly body: BodyReader;
  readonly headersSent: boolean;
  /** Whether the response can no longer be written. */
  readonly closed: boolean;
  /** Returns a request header by its lower-case name; of one that came several times, the values joined. */
  header(name: string): string | undefined;
  /** All request headers, without pseudo headers. */
  headers(): Headers;
  /** Tells the watcher once if the client goes away before the response ended. At once if it is gone. */
  watch(watcher: ExchangeWatcher): void;
  /** Sends the status and headers right away. */
  writeHead(status: number, headers: HeaderFields, options?: HeadOptions): void;
  /** Writes a piece; false if the next one should wait for {@link drained}. */
  write(chunk: Uint8Array): boolean;
  /** Waits until what was written has been taken. */
  drained(timeoutMs: number): Promise<DrainOutcome>;
  /** Ends the response cleanly. */
  end(trailers?: HeaderFields): void;
  /** Resolves when all of the response has been taken, or `closed`, or `stalled` after the time. */
  finished(timeoutMs: number): Promise<DrainOutcome>;
  /** Breaks the response off, so that no client can take it for complete. What was written may still arrive. */
  reset(reason: ResetReason): void;
}
