import type { Play, Scene } from "../scene.ts";
import { say } from "../speak.ts";
import type { Stage } from "../stage.ts";

const questions = [
  /^(?:what|which) (?:time|date|day) is (?:it|today)(?: there)?(?: right)?(?: now| today)?(?: in (?<place>.+))?$/i,
  /^(?:what(?:'s| is|s) )?(?:the )?(?:current )?(?:time|date|day)(?: is it)?(?: right)?(?: now| today)?(?: in (?<place>.+))?$/i,
];

/** A backend tool: it reads the clock. */
export const clock: Scene = {
  about: "tell the time",
  example: "what time is it in Tokyo",
  match({ text }) {
    for (const question of questions) {
      const found = question.exec(text);
      if (found) return (stage) => tellTime(stage, found.groups?.place ?? "UTC");
    }
    return undefined;
  },
};

async function* tellTime(stage: Stage, place: string): Play {
  const toolCallId = yield* stage.events.toolCall({ name: "get_time", args: { place } });
  const timeZone = timeZoneOf(place);
  if (timeZone === undefined) {
    yield stage.events.toolResult(toolCallId, { error: `The time zone of ${place} is unknown.` });
    yield* say(
      stage,
      `I do not know the time zone of ${place}. Try a larger city, or a name such as Europe/Rome.`,
    );
    return undefined;
  }
  const now = stage.now();
  yield stage.events.toolResult(toolCallId, { time: now.toISOString(), timeZone });
  const text = now.toLocaleString("en-GB", { timeZone, dateStyle: "full", timeStyle: "short" });
  yield* say(stage, `It is ${text} in ${timeZone}.`);
  return undefined;
}

/** The zone of that name, or of the city it ends in. */
function timeZoneOf(place: string): string | undefined {
  const name = place.trim().replace(/\s+/g, "_").toLowerCase();
  if (name === "utc" || name === "gmt") return "UTC";
  return Intl.supportedValuesOf("timeZone").find((zone) => {
    const known = zone.toLowerCase();
    return known === name || known.endsWith(`/${name}`);
  });
}
