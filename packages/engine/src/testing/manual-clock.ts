import type { Timer } from "../core.ts";

/** A clock that stands still until a test moves it, and what waits by it. */
export interface ManualClock {
  readonly now: () => number;
  readonly timer: Timer;
  /** How many timers wait. */
  readonly waiting: number;
  /** Moves on, and lets everything happen that is due on the way, in its order. */
  advance(ms: number): Promise<void>;
}

/** Makes a clock that begins at a round time. */
export function manualClock(startTime = Date.UTC(2030, 0, 1)): ManualClock {
  let time = startTime;
  const timers = new Set<{ readonly due: number; readonly task: () => void }>();
  return {
    now: () => time,
    timer: (delayMs, task) => {
      const timer = { due: time + delayMs, task };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    get waiting() {
      return timers.size;
    },
    async advance(ms) {
      const end = time + ms;
      for (;;) {
        await settled();
        const [first] = [...timers].sort((a, b) => a.due - b.due);
        if (!first || first.due > end) break;
        timers.delete(first);
        time = Math.max(time, first.due);
        first.task();
      }
      time = end;
      await settled();
    },
  };
}

/** Lets what was begun in memory come to its end: promises, and turns of the event loop. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
}
