import type { SessionInfo } from "../entries.ts";
import { EngineError, quote } from "../errors.ts";

/** When a session expires, and by which of its options. */
export interface Expiry {
  readonly time: number;
  readonly why: "expire_after" | "idle_timeout";
}

/** When a session expires in which the last thing happened at `activityTime`; undefined if it never does. */
export function expiryOf({ options, createTime }: SessionInfo, activityTime: number): Expiry | undefined {
  const { expireAfterMs = Number.POSITIVE_INFINITY, idleTimeoutMs = Number.POSITIVE_INFINITY } =
    options ?? {};
  const expireTime = createTime + expireAfterMs;
  const idleTime = Math.max(createTime, activityTime) + idleTimeoutMs;
  if (expireTime === Number.POSITIVE_INFINITY && idleTime === Number.POSITIVE_INFINITY) return undefined;
  return expireTime <= idleTime
    ? { time: expireTime, why: "expire_after" }
    : { time: idleTime, why: "idle_timeout" };
}

/** When a session expires if nobody prolongs it, or when it did, as of its last run boundary. */
export function expireTimeOf(info: SessionInfo): number | undefined {
  return info.state === "active" ? expiryOf(info, info.updateTime)?.time : info.expireTime;
}

/** When a session that is over is to be removed; undefined if it is kept. */
export function removalTimeOf(info: SessionInfo, retentionMs: number | undefined): number | undefined {
  const keptMs = info.options?.retentionMs ?? retentionMs;
  return keptMs === undefined || info.endTime === undefined ? undefined : info.endTime + keptMs;
}

/** The error for what comes too late. */
export function sessionExpired(sessionId: string, expireTime: number): EngineError {
  const time = new Date(expireTime).toISOString();
  return new EngineError(
    "SESSION_EXPIRED",
    `the session ${quote(sessionId)} expired at ${time} and takes no more runs: it can be read, and another one made`,
    { session_id: sessionId, expire_time: time },
  );
}
