import type { AguiEvent } from "@dragoman/agui";
import type { Stage } from "./stage.ts";

/** The events of a part of a scene, which returns a value to the rest of it. */
export type Part<T = void> = AsyncGenerator<AguiEvent, T>;

/** Says a text, word by word. */
export async function* say(stage: Stage, text: string): Part {
  yield* stage.events.textStream(paced(stage, text));
}

/** Shows a thought, word by word. */
export async function* think(stage: Stage, text: string): Part {
  yield* stage.events.reasoningStream(paced(stage, text));
}

/** The words with the space around them, which together are the text, one after the other with a pause behind each. */
async function* paced(stage: Stage, text: string): AsyncGenerator<string, void> {
  for (const word of text.match(/\s*\S+\s*/g) ?? []) {
    yield word;
    await stage.pause();
  }
}
