import type { Interceptor } from "@connectrpc/connect";
import { connectionErrors } from "./connection-errors.ts";
import { type HeaderSource, headerInterceptor } from "./headers.ts";

/** What every stock transport of ours does to its calls, from the caller to the wire. */
export function stockInterceptors(headers: HeaderSource | undefined): Interceptor[] {
  return headers === undefined ? [connectionErrors] : [headerInterceptor(headers), connectionErrors];
}
