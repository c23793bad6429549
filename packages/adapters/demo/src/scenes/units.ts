import { convert, unitOf } from "../conversions.ts";
import type { Play, Scene } from "../scene.ts";
import { say } from "../speak.ts";
import type { Stage } from "../stage.ts";

const questions = [
  /^(?<verb>convert )?(?:what(?:'s| is) |how much is )?(?<value>-?\d+(?:\.\d+)?) ?(?<from>[a-z°/ ]+?) (?:to|in|into|as) (?<to>[a-z°/ ]+)$/i,
  /^how many (?<to>[a-z°/ ]+?) (?:are there |are |is |make )?(?:in )?(?<value>-?\d+(?:\.\d+)?|an?) ?(?<from>[a-z°/ ]+)$/i,
];

/** A backend tool: it converts units. */
export const units: Scene = {
  about: "convert units",
  example: "convert 10 km to miles",
  match({ text }) {
    for (const question of questions) {
      const { verb, value, from = "", to = "" } = question.exec(text)?.groups ?? {};
      if (value === undefined) continue;
      // Without the verb it may well be about something else.
      if (!verb && !(unitOf(from) && unitOf(to))) continue;
      return (stage) => convertUnits(stage, /^an?$/i.test(value) ? 1 : Number(value), from, to);
    }
    return undefined;
  },
};

async function* convertUnits(stage: Stage, value: number, from: string, to: string): Play {
  const toolCallId = yield* stage.events.toolCall({ name: "convert_units", args: { value, from, to } });
  const result = resultOf(value, from, to);
  yield stage.events.toolResult(toolCallId, result);
  yield* say(stage, "value" in result ? `${value} ${from} = ${result.value} ${to}` : result.error);
  return undefined;
}

function resultOf(value: number, from: string, to: string): { value: number } | { error: string } {
  const [source, target] = [unitOf(from), unitOf(to)];
  if (source === undefined) return { error: `I do not know the unit ${from}.` };
  if (target === undefined) return { error: `I do not know the unit ${to}.` };
  const converted = convert(value, source, target);
  if (converted === undefined)
    return { error: `${from} is a ${source.dimension}, ${to} is a ${target.dimension}.` };
  return { value: converted };
}
