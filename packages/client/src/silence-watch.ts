import type { EventStream } from "./event-stream.ts";

/** How often per timeout a stream is looked at. */
const looksPerTimeout = 4;
/** A timer for longer than this fires at once. */
const longestTimerMs = 2 ** 31 - 1;

/** Looks at a stream until it is stopped. */
export interface SilenceWatch {
  /** Whether the stream was closed for its silence. */
  readonly isSilent: boolean;
  stop(): void;
}

/**
 * Closes a stream on which nothing at all came for so long, or up to a quarter longer. Only the time in which
 * somebody waits for it counts: a reader that is busy holds the sender back.
 */
export function watchSilence(stream: EventStream, timeoutMs: number, isWaiting: () => boolean): SilenceWatch {
  const watch = { isSilent: false, stop: () => {} };
  const intervalMs = timeoutMs / looksPerTimeout;
  if (intervalMs > longestTimerMs) return watch;
  let seen = stream.activity;
  let quietLooks = 0;
  const timer = setInterval(() => {
    quietLooks = isWaiting() && stream.activity === seen ? quietLooks + 1 : 0;
    seen = stream.activity;
    if (quietLooks < looksPerTimeout) return;
    watch.isSilent = true;
    stream.close();
  }, intervalMs);
  // The connection keeps a process alive, not the look at it. Browsers have plain numbers here.
  timer.unref?.();
  watch.stop = () => clearInterval(timer);
  return watch;
}
