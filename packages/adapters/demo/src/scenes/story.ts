import type { Play, Scene } from "../scene.ts";
import { say } from "../speak.ts";
import type { Stage } from "../stage.ts";

const tale = `At the edge of two empires there was a town where nobody could talk to the neighbours. \
Each court had its scribes, its seals and its own way to say no.

So the town kept a dragoman. She did not own the goods and did not make the treaties. \
She listened, word by word, and said the same thing again so that the other side could hear it. \
And she wrote every word into a book.

One night a messenger fell asleep in the middle of a sentence. In the morning he was ashamed and wanted to begin \
from the start. "No need," said the dragoman, and opened the book. "You had come as far as here."`;

/** A longer text, to watch it stream. */
export const story: Scene = {
  about: "stream a longer text",
  example: "tell me a story",
  match({ text }) {
    return /\b(?:story|tale)\b/i.test(text) ? (stage) => speak(stage, tale) : undefined;
  },
};

/** Exactly the words that were asked for. */
export const echo: Scene = {
  about: "",
  example: "",
  match({ text }) {
    const words = /^(?:say|repeat|echo) (.+)$/i.exec(text)?.[1];
    return words === undefined ? undefined : (stage) => speak(stage, words);
  },
};

async function* speak(stage: Stage, text: string): Play {
  yield* say(stage, text);
  return undefined;
}
