import type { Play, Scene } from "../scene.ts";
import { say, think } from "../speak.ts";
import type { Stage } from "../stage.ts";

/** How many of the divisors that were tried are spoken of. */
const maxShownDivisors = 10;

/** Reasoning that is shown: it looks for a divisor. */
export const prime: Scene = {
  about: "show how I reason",
  example: "is 91 prime",
  match({ text }) {
    const number = /^is (\d{1,9})(?: a)? prime(?: number)?$/i.exec(text)?.[1];
    return number === undefined ? undefined : (stage) => decide(stage, Number(number));
  },
};

async function* decide(stage: Stage, number: number): Play {
  const { tried, divisor } = smallestDivisor(number);
  const shown = tried
    .slice(0, maxShownDivisors)
    .map((candidate) => `${number} mod ${candidate} = ${number % candidate}.`);
  const skipped = tried.length - shown.length;
  if (skipped > 0) shown.push(`… and ${skipped} more.`);
  yield* think(stage, `I try every divisor up to the square root of ${number}. ${shown.join(" ")}`.trimEnd());
  yield* say(stage, verdict(number, divisor));
  return undefined;
}

function verdict(number: number, divisor: number | undefined): string {
  if (number < 2) return `No, ${number} is not prime: the smallest prime is 2.`;
  if (divisor === undefined) return `Yes, ${number} is prime.`;
  return `No, ${number} is not prime: ${number} = ${divisor} * ${number / divisor}.`;
}

/** The smallest divisor above 1 but the number itself, and all that were tried on the way. */
function smallestDivisor(number: number): { tried: number[]; divisor: number | undefined } {
  const tried: number[] = [];
  for (let candidate = 2; candidate * candidate <= number; candidate += candidate === 2 ? 1 : 2) {
    tried.push(candidate);
    if (number % candidate === 0) return { tried, divisor: candidate };
  }
  return { tried, divisor: undefined };
}
