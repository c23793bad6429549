import type { ConnectError } from "@connectrpc/connect";
import type { CompleteResumeOptions } from "./backoff.ts";
import { explained, isCut } from "./error-reason.ts";

/** Whether a service has answered at all, and then whether it keeps a log. */
export type ServiceKind = "unknown" | "bare" | "logged";

/** An attempt to attach again, before it is made. */
export interface Attempt {
  /** What cut the stream. */
  readonly error: ConnectError;
  /** 1 for the first one since something new came. */
  readonly attempt: number;
  /** How long nothing new has come, in milliseconds. */
  readonly quietMs: number;
  readonly service: ServiceKind;
}

/** Why there is no use in attaching again, as the error for the caller; undefined if there is. */
export function finalError(
  { error, attempt, quietMs, service }: Attempt,
  { maxAttempts, maxStartAttempts, maxElapsedMs }: CompleteResumeOptions,
): ConnectError | undefined {
  if (!isCut(error)) return error;
  if (service === "bare") {
    return explained(error, `${error.rawMessage} (the service keeps no log: the run cannot be resumed)`);
  }
  if (attempt > (service === "unknown" ? maxStartAttempts : maxAttempts)) {
    return attempt === 1 ? error : explained(error, `${error.rawMessage} (after ${attempt} attempts)`);
  }
  if (service === "logged" && quietMs > maxElapsedMs) {
    return explained(error, `${error.rawMessage} (nothing new for ${Math.round(quietMs)} ms)`);
  }
  return undefined;
}
