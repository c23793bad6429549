import type { Request } from "../scene.ts";
import { type Part, say } from "../speak.ts";
import type { Stage } from "../stage.ts";
import { calculator } from "./calculator.ts";
import { clock } from "./clock.ts";
import { prime } from "./prime.ts";
import { echo } from "./story.ts";
import { units } from "./units.ts";

/** How far a count is. What is said to it changes it. */
export interface Counting {
  next: number;
  to: number;
  pauseMs: number;
  readonly maxTo: number;
}

/** The longest pause between two numbers, in milliseconds. */
export const maxPauseMs = 10_000;

/** What can be asked beside a count: answers that end as they begin. */
const asides = [calculator, clock, units, prime, echo];

const newEnd =
  /^(?:stop|end|finish|only|just)?(?: (?:at|to|until|with))? ?(?:count )?(?:to |until )?(?<to>\d{1,6})$/i;

/** Answers what was said while it counts. */
export async function* replyTo(stage: Stage, counting: Counting, text: string): Part {
  const answer = steer(counting, text);
  if (answer !== undefined) return yield* say(stage, answer);
  const request: Request = { text, input: stage.input };
  for (const scene of asides) {
    const play = scene.match(request);
    if (play) {
      yield* play(stage);
      return;
    }
  }
  yield* say(
    stage,
    `I am counting, and at ${counting.next - 1}. Say "faster", "slower", "stop", "stop at ${counting.to}", or ask me to calculate something.`,
  );
}

/** Does what was said, if it is about the count, and returns what there is to say to it. */
function steer(counting: Counting, text: string): string | undefined {
  const at = counting.next - 1;
  if (/^(?:go |count )?(?:much )?faster$|^(?:speed|hurry) up$/i.test(text)) {
    counting.pauseMs = Math.floor(counting.pauseMs / 4);
    return "Faster.";
  }
  if (/^(?:go |count )?(?:much )?slower$|^slow down$/i.test(text)) {
    counting.pauseMs = Math.min(Math.max(counting.pauseMs, 1) * 4, maxPauseMs);
    return "Slower.";
  }
  if (/^(?:stop|enough|that's enough|halt)(?: now| counting)?$/i.test(text)) {
    counting.to = at;
    return `I stop at ${at}.`;
  }
  if (/^(?:how far|where) are you(?: now)?$/i.test(text)) return `I am at ${at} of ${counting.to}.`;
  const { to } = newEnd.exec(text)?.groups ?? {};
  if (to === undefined) return undefined;
  const end = Math.min(Number(to), counting.maxTo);
  counting.to = Math.max(end, at);
  return end < at ? `I am past ${end} already, so I stop at ${at}.` : `All right, I stop at ${end}.`;
}
