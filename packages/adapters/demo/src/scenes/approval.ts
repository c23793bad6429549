import {
  type AguiEvent,
  applyPatch,
  type Interrupt,
  type Json,
  type JsonObject,
  type ResumeEntry,
  type Tool,
} from "@dragoman/agui";
import { type GuardedTool, guardedTools } from "../guarded-tools.ts";
import { isObject, parseObject } from "../json.ts";
import { callOf } from "../read-request.ts";
import type { Play, Scene } from "../scene.ts";
import { type Part, say } from "../speak.ts";
import type { Stage } from "../stage.ts";

/** An interrupt's id is this and the id of the call that it guards, so that its answer says what to do. */
const idPrefix = "approve-";

/** The tools that have to be approved, as capabilities show them. */
export const approvalTools: Tool[] = Object.values(guardedTools).map(({ name, description, parameters }) => ({
  name,
  description,
  parameters,
}));

const deleteAll =
  /^(?:delete|remove|erase|wipe|drop) (?:(?:all|everything|every note)\b.*|(?:the|my|our) (?:(?:whole|entire) )?(?:list|notes|todos))$/i;
const deleteDone =
  /^(?:delete|remove|erase) (?:all )?(?:the )?(?:done|finished|completed)(?: notes| items| todos)?$/i;
const sendReport = /^(?:send|mail|email) (?:the |a |my )?(?:\w+ )?report(?: to (.+))?$/i;

/** An action that is done only after somebody agreed: the run ends with a question, the next one brings the answer. */
export const approval: Scene = {
  about: "ask before I do something that cannot be undone",
  example: "delete all notes",
  match({ text }) {
    if (deleteDone.test(text))
      return (stage) => propose(stage, guardedTools.delete_notes!, { which: "done" });
    if (deleteAll.test(text)) return (stage) => propose(stage, guardedTools.delete_notes!, { which: "all" });
    const report = sendReport.exec(text);
    if (!report) return undefined;
    return (stage) =>
      propose(stage, guardedTools.send_report!, { to: report[1] ?? "the team", subject: "Report" });
  },
};

async function* propose(stage: Stage, tool: GuardedTool, args: JsonObject): Play {
  const question = tool.ask(args);
  yield* say(stage, question);
  const toolCallId = yield* stage.events.toolCall({ name: tool.name, args });
  const interrupt: Interrupt = {
    id: idPrefix + toolCallId,
    reason: "tool_call",
    message: question,
    toolCallId,
    responseSchema: responseSchema(tool),
  };
  return { type: "interrupt", interrupts: [interrupt] };
}

function responseSchema(tool: GuardedTool): JsonObject {
  return {
    type: "object",
    properties: {
      approved: { type: "boolean", description: "Whether to do it." },
      editedArgs: { ...tool.parameters, description: "Arguments to use instead of the proposed ones." },
    },
    required: ["approved"],
  };
}

/** Does what the answers allow, and says so. */
export async function* resumeApproval(stage: Stage, answers: readonly ResumeEntry[]): Play {
  // Several answers in one run change the state one after the other; each sees what the ones before left.
  let { state } = stage.input;
  for (const answer of answers) {
    const toolCallId = answer.interruptId.startsWith(idPrefix)
      ? answer.interruptId.slice(idPrefix.length)
      : "";
    const call = callOf(stage.input.messages, toolCallId);
    const tool = call && Object.hasOwn(guardedTools, call.name) ? guardedTools[call.name] : undefined;
    if (!call || !tool) {
      yield* say(stage, `I do not remember a question "${answer.interruptId}", so I did nothing.`);
    } else {
      state = yield* settle(
        { ...stage, input: { ...stage.input, state } },
        tool,
        toolCallId,
        call.arguments,
        answer,
      );
    }
  }
  return undefined;
}

/** Does it or not; returns the state after it. */
async function* settle(
  stage: Stage,
  tool: GuardedTool,
  toolCallId: string,
  proposed: string,
  answer: ResumeEntry,
): Part<Json> {
  const { state } = stage.input;
  const { payload } = answer;
  if (answer.status !== "resolved" || !isObject(payload) || payload.approved !== true) {
    yield stage.events.toolResult(toolCallId, { declined: true });
    yield* say(stage, "All right, I leave it as it is.");
    return state;
  }
  // Edited arguments replace the proposed ones as a whole.
  const args = isObject(payload.editedArgs) ? payload.editedArgs : parseObject(proposed);
  const outcome = args ? tool.execute(args, state) : "the arguments are no JSON object";
  if (typeof outcome === "string") {
    yield stage.events.toolResult(toolCallId, { error: outcome });
    yield* say(stage, `I cannot do that: ${outcome}.`);
    return state;
  }
  if (outcome.change) yield outcome.change;
  yield stage.events.toolResult(toolCallId, outcome.result);
  yield* say(stage, outcome.said);
  return stateAfter(state, outcome.change);
}

function stateAfter(state: Json, change: AguiEvent | undefined): Json {
  if (change?.type === "STATE_SNAPSHOT") return change.snapshot;
  return change?.type === "STATE_DELTA" ? applyPatch(state, change.delta) : state;
}
