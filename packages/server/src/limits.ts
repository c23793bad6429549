/** What one server grants its clients. Every limit has a name, a unit and a default. */
export interface Limits {
  /** The largest request message, after decompression. 1 to 2^32 - 1 bytes; default 4 MiB. */
  readonly readMaxBytes: number;
  /** The longest deadline that a client may set; a longer one counts as this. 1 to 2^31 - 1; default 24 hours. */
  readonly maxTimeoutMs: number;
  /** Streams at the same time on one HTTP/2 connection; more wait at the client. Default 1,000. */
  readonly maxStreamsPerConnection: number;
  /** Calls at the same time; more are refused with LIMIT_REACHED. Default 20,000. */
  readonly maxConcurrentCalls: number;
  /** Open connections; more are closed at once. Default 10,000. */
  readonly maxConnections: number;
  /** The largest header block of a request. Default 64 KiB. */
  readonly maxHeaderBytes: number;
  /** How long a connection may take to show its protocol, and an HTTP/1.1 request to send its headers. Default 10 s. */
  readonly headerTimeoutMs: number;
  /** How long a request body of one message may pause. Client streams may pause as they like. Default 30 s. */
  readonly bodyStallTimeoutMs: number;
  /** How long a reader may take nothing of what waits for it. Then its stream ends with SLOW_READER. Default 30 s. */
  readonly stallTimeoutMs: number;
  /** How much is handed to a connection before it must have been taken, per stream. Default 64 KiB. */
  readonly writeWindowBytes: number;
  /** How many pieces likewise, because each one costs something besides its bytes. Default 64. */
  readonly writeWindowPieces: number;
  /** How long an RPC's response headers wait for what the handler adds to them; then they are sent. Default 20 ms. */
  readonly earlyHeadersMs: number;
  /** How long an HTTP/2 connection without a stream stays open. 0 means for ever; default 10 minutes. */
  readonly idleTimeoutMs: number;
  /** How often a quiet HTTP/2 connection is asked whether it is alive. 0 means never; default 30 s. */
  readonly keepaliveMs: number;
  /** How long the answer may take before the connection is destroyed. Default 20 s. */
  readonly keepaliveTimeoutMs: number;
}

/** The limits of a server that is given none. */
export const defaultLimits: Limits = Object.freeze({
  readMaxBytes: 4 << 20,
  maxTimeoutMs: 24 * 3_600_000,
  maxStreamsPerConnection: 1_000,
  maxConcurrentCalls: 20_000,
  maxConnections: 10_000,
  maxHeaderBytes: 64 << 10,
  headerTimeoutMs: 10_000,
  bodyStallTimeoutMs: 30_000,
  stallTimeoutMs: 30_000,
  writeWindowBytes: 64 << 10,
  writeWindowPieces: 64,
  earlyHeadersMs: 20,
  idleTimeoutMs: 600_000,
  keepaliveMs: 30_000,
  keepaliveTimeoutMs: 20_000,
});

const zeroAllowed = new Set<keyof Limits>(["idleTimeoutMs", "keepaliveMs", "earlyHeadersMs"]);

/** Fills in the defaults. Throws a RangeError that names the limit if one is no sensible number. */
export function resolveLimits(given: Partial<Limits> = {}): Limits {
  const limits: Limits = { ...defaultLimits, ...given };
  for (const name of Object.keys(defaultLimits) as (keyof Limits)[]) {
    const value = limits[name];
    const least = zeroAllowed.has(name) ? 0 : 1;
    const most = name === "readMaxBytes" ? 2 ** 32 - 1 : 2 ** 31 - 1;
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new RangeError(`limit ${name} must be an integer from ${least} to ${most}, not ${value}`);
    }
  }
  return limits;
}
