import type { SessionOptions } from "../entries.ts";
import { limitReached } from "../errors.ts";
import type { EngineLimits } from "../limits.ts";

/** Throws LIMIT_REACHED for options that are too large: they are written with every run, and read with every list. */
export function checkOptions(options: SessionOptions, { sessionOptionsMaxBytes }: EngineLimits): void {
  const bytes = new TextEncoder().encode(JSON.stringify(options)).length;
  if (bytes <= sessionOptionsMaxBytes) return;
  const message = "the tools, context and metadata of the session are too large together";
  throw limitReached("sessionOptionsMaxBytes", sessionOptionsMaxBytes, message);
}
