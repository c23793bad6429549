import type { AguiEvent } from "@dragoman/agui";
import type { Play, Scene } from "../scene.ts";
import { say, step } from "../speak.ts";
import type { Stage } from "../stage.ts";

const activityType = "PLAN";
const tasks = ["Collect what is needed", "Put it in order", "Check it once more"];

/** Steps, and an activity that shows how far they are. */
export const plan: Scene = {
  about: "show progress, in steps and as an activity",
  example: "plan a picnic",
  match({ text }) {
    const subject = /^(?:make (?:a |me a )?plan (?:for |to )?|plan |prepare |organi[sz]e )(.+)$/i.exec(
      text,
    )?.[1];
    return subject === undefined ? undefined : (stage) => makePlan(stage, subject);
  },
};

async function* makePlan(stage: Stage, subject: string): Play {
  const messageId = stage.newId();
  const content = { title: subject, tasks: tasks.map((title) => ({ title, status: "waiting" })) };
  yield { type: "ACTIVITY_SNAPSHOT", messageId, activityType, content };
  for (const [index, title] of tasks.entries()) yield* step(title, work(stage, messageId, index));
  yield* say(stage, `The plan for ${subject} is ready: ${tasks.length} of ${tasks.length} tasks are done.`);
  return undefined;
}

async function* work(stage: Stage, messageId: string, index: number): AsyncGenerator<AguiEvent, void> {
  const status = (value: string): AguiEvent => ({
    type: "ACTIVITY_DELTA",
    messageId,
    activityType,
    patch: [{ op: "replace", path: `/tasks/${index}/status`, value }],
  });
  yield status("working");
  // Long enough to be seen.
  await stage.pause(stage.paceMs * 20);
  yield status("done");
}
