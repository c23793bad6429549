import { Ear } from "../ear.ts";
import type { Play, Scene } from "../scene.ts";
import { say } from "../speak.ts";
import type { Stage } from "../stage.ts";
import { type Counting, maxPauseMs, replyTo } from "./count-replies.ts";

/** How far it counts in one run. */
const maxCount = 600;
const slowMs = 500;
const request = /^count(?: from (?<from>\d{1,6}))?(?: up)? to (?<to>\d{1,6})(?:[, ]+(?<how>.*))?$/i;
const interval = /^(?:one )?every (?<value>\d+(?:\.\d+)?)? ?(?<unit>ms|milliseconds?|s|seconds?)$/i;

/** A run as long as one likes, to leave and come back to, and to talk to while it goes on. */
export const count: Scene = {
  about: `count up to ${maxCount}, and listen to you while I do`,
  example: "count to 20 slowly",
  match({ text }) {
    const { from = "1", to, how = "" } = request.exec(text)?.groups ?? {};
    return to === undefined ? undefined : (stage) => countUp(stage, Number(from), Number(to), how);
  },
};

async function* countUp(stage: Stage, from: number, to: number, how: string): Play {
  const pauseMs = pauseOf(how, stage.paceMs);
  if (from > to || to - from >= maxCount || pauseMs === undefined) {
    const limits = `at most ${maxCount} numbers, upwards, with at most ${maxPauseMs / 1000} seconds between them`;
    yield* say(
      stage,
      `I count ${limits}. For instance: "count to 20 slowly", or "count to 600 every 100 ms".`,
    );
    return undefined;
  }
  const counting: Counting = { next: from, to, pauseMs, maxTo: from + maxCount - 1 };
  const ear = new Ear(stage.inputs);
  for (;;) {
    if (counting.next <= counting.to) yield* stage.events.textStream(numbers(stage, counting, ear));
    // What is said from here on is for the next run; what was said before is answered in this one.
    else await ear.close();
    const heard = ear.take();
    if (heard !== undefined) yield* replyTo(stage, counting, heard);
    else if (counting.next > counting.to) return undefined;
  }
}

/** The numbers that are still to come, until something is said. */
async function* numbers(stage: Stage, counting: Counting, ear: Ear): AsyncGenerator<string, void> {
  for (let separator = ""; counting.next <= counting.to; separator = " ") {
    yield `${separator}${counting.next++}`;
    if (counting.next <= counting.to) await stage.pauseUntil(ear.news(), counting.pauseMs);
    if (ear.hasNews) return;
  }
}

/** The pause between two numbers; undefined if what was said about it makes no sense or is too long. */
function pauseOf(how: string, paceMs: number): number | undefined {
  if (how === "") return paceMs;
  if (/^(?:very )?slow(?:ly)?$/i.test(how)) return slowMs;
  if (/^(?:very )?(?:fast|quick(?:ly)?)$/i.test(how)) return 0;
  const { value = "1", unit } = interval.exec(how)?.groups ?? {};
  if (unit === undefined) return undefined;
  const pauseMs = Number(value) * (unit.toLowerCase().startsWith("m") ? 1 : 1000);
  return pauseMs <= maxPauseMs ? pauseMs : undefined;
}
