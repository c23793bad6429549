import type { Play, Scene } from "../scene.ts";
import { type Part, say } from "../speak.ts";
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
  const content = { title: subject, tasks: tasks.map((title) => ({ title, status: "waiting" })) };
  const activityId = yield* stage.events.activity(activityType, content);
  for (const [index, title] of tasks.entries()) {
    yield* stage.events.step(title, () => work(stage, activityId, index));
  }
  yield* say(stage, `The plan for ${subject} is ready: ${tasks.length} of ${tasks.length} tasks are done.`);
  return undefined;
}

async function* work(stage: Stage, activityId: string, index: number): Part {
  const path = `/tasks/${index}/status`;
  yield stage.events.activityDelta(activityId, activityType, [{ op: "replace", path, value: "working" }]);
  // Long enough to be seen.
  await stage.pause(stage.paceMs * 20);
  yield stage.events.activityDelta(activityId, activityType, [{ op: "replace", path, value: "done" }]);
}
