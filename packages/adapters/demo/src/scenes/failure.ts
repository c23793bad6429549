import type { Play, Scene } from "../scene.ts";
import { say } from "../speak.ts";
import type { Stage } from "../stage.ts";

/** A run that ends in RUN_ERROR, with the code that was asked for. */
export const failure: Scene = {
  about: "fail",
  example: "fail with code OUT_OF_LUCK",
  match({ text }) {
    const found = /^(?:fail|crash|break|error)(?: with)?(?: (?:the )?code)?(?: ([\w.-]{1,64}))?$/i.exec(text);
    return found ? (stage) => fail(stage, found[1] ?? "DEMO_FAILURE") : undefined;
  },
};

async function* fail(stage: Stage, code: string): Play {
  yield* say(stage, "As you wish.");
  return { type: "error", code, message: "The run failed because it was asked to." };
}
