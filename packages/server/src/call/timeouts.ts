import type { ConnectError } from "@connectrpc/connect";
import {
  parseConnectTimeout as parseAnyConnectTimeout,
  parseGrpcTimeout as parseAnyGrpcTimeout,
  type UniversalServerRequest,
} from "../connect-internals.ts";
import { headerOf } from "../http/exchange-request.ts";

/** The header in which Connect calls say how long they may take. */
export const connectTimeoutHeader = "connect-timeout-ms";

/** How long a client gives a call, or what is wrong with how it says it. */
export interface Timeout {
  readonly timeoutMs?: number;
  readonly error?: ConnectError | undefined;
}

/** Reads `Connect-Timeout-Ms`; what is longer than the longest counts as that. */
export function parseConnectTimeout(value: string | null, maxTimeoutMs: number): Timeout {
  return atMost(parseAnyConnectTimeout(value, Number.POSITIVE_INFINITY), maxTimeoutMs);
}

/** Reads `grpc-timeout` likewise. */
export function parseGrpcTimeout(value: string | null, maxTimeoutMs: number): Timeout {
  return atMost(parseAnyGrpcTimeout(value, Number.POSITIVE_INFINITY), maxTimeoutMs);
}

/** Shortens a timeout of a Connect call that is too long for a handler which would refuse it. */
export function shortenTimeout(request: UniversalServerRequest, maxTimeoutMs: number): void {
  const value = headerOf(request, connectTimeoutHeader);
  if (value === null) return;
  const { timeoutMs = 0 } = parseAnyConnectTimeout(value, Number.POSITIVE_INFINITY);
  if (timeoutMs > maxTimeoutMs) request.header.set(connectTimeoutHeader, String(maxTimeoutMs));
}

function atMost(timeout: Timeout, maxTimeoutMs: number): Timeout {
  const { timeoutMs } = timeout;
  return timeoutMs === undefined ? timeout : { timeoutMs: Math.min(timeoutMs, maxTimeoutMs) };
}
