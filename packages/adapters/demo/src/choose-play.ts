import type { RunAgentInput } from "@dragoman/agui";
import { freshToolResults, requestText } from "./read-request.ts";
import type { Play, Scene } from "./scene.ts";
import { approval, resumeApproval } from "./scenes/approval.ts";
import { calculator } from "./scenes/calculator.ts";
import { answerToolResults, clientTool } from "./scenes/client-tool.ts";
import { clock } from "./scenes/clock.ts";
import { count } from "./scenes/count.ts";
import { failure } from "./scenes/failure.ts";
import { greeting, introduce } from "./scenes/greeting.ts";
import { list } from "./scenes/list.ts";
import { plan } from "./scenes/plan.ts";
import { prime } from "./scenes/prime.ts";
import { research } from "./scenes/research.ts";
import { echo, story } from "./scenes/story.ts";
import { units } from "./scenes/units.ts";
import type { Stage } from "./stage.ts";

/** All scenes. The first that understands a request plays it: the client's own tools first, loose patterns last. */
const scenes: readonly Scene[] = [
  clientTool,
  calculator,
  clock,
  units,
  approval,
  list,
  prime,
  plan,
  research,
  count,
  story,
  echo,
  failure,
  greeting,
];

/** Decides what a run plays: the answers that it brings come before what was said last. */
export function choosePlay(input: RunAgentInput): (stage: Stage) => Play {
  const { resume = [] } = input;
  if (resume.length > 0) return (stage) => resumeApproval(stage, resume);
  const results = freshToolResults(input.messages);
  if (results.length > 0) return (stage) => answerToolResults(stage, results);
  const text = requestText(input);
  for (const scene of scenes) {
    const play = scene.match({ text, input });
    if (play) return play;
  }
  return (stage) => introduce(stage, text, scenes);
}
