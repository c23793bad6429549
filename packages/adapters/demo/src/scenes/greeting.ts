import type { Play, Scene } from "../scene.ts";
import { say } from "../speak.ts";
import type { Stage } from "../stage.ts";

const hello = /^(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|greetings)(?: there)?$/i;
const thanks = /^(?:thanks|thank you|cheers|great|nice|cool|perfect)(?: .*)?$/i;

/** Good manners. Requests for help are left to {@link introduce}. */
export const greeting: Scene = {
  about: "",
  example: "",
  match({ text }) {
    if (hello.test(text))
      return (stage) => speak(stage, 'Hello! Ask me "what can you do?" to see what I know.');
    if (thanks.test(text)) return (stage) => speak(stage, "You are welcome.");
    return undefined;
  },
};

async function* speak(stage: Stage, text: string): Play {
  yield* say(stage, text);
  return undefined;
}

const help =
  /^(?:help|commands?|what can you do|what do you do|what do you know|who are you|what are you)\b/i;

/** Says what the assistant can do: because it was asked, because nothing was, or because it did not understand. */
export async function* introduce(stage: Stage, text: string, scenes: readonly Scene[]): Play {
  const reason = text === "" || help.test(text) ? "" : `I do not understand "${shortened(text)}". `;
  const known = scenes.filter(({ about }) => about !== "");
  const lines = known.map(({ about, example }) => `- ${about}: "${example}"`);
  yield* say(stage, `${reason}I am a demonstration without a model behind it. I can:\n\n${lines.join("\n")}`);
  return undefined;
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60).toWellFormed()}…` : text;
}
