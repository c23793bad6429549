import type { EventStream } from "./event-stream.ts";

/** How long an ended call may take to say so, in milliseconds, before it is dropped. */
const closeGraceMs = 1_000;

/** Gives a call that is over the time to end by itself: an abort would count as one on the server. */
export async function closeGently(stream: EventStream): Promise<void> {
  const timer = setTimeout(() => stream.close(), closeGraceMs);
  timer.unref?.();
  try {
    while (!stream.isDone) {
      await stream.wait();
      while (stream.take() !== undefined);
    }
  } catch {
    // The events were delivered; how the call ends does not matter any more.
  }
  clearTimeout(timer);
}
