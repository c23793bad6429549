import type { JsonObject, Tool, ToolMessage } from "@dragoman/agui";
import { guessArgs, hasWord, wordsOfName } from "../guess-args.ts";
import { parseObject } from "../json.ts";
import { textOf } from "../read-request.ts";
import type { Play, Request, Scene } from "../scene.ts";
import { say } from "../speak.ts";
import type { Stage } from "../stage.ts";

const call =
  /^(?:call|use|run|invoke|execute)(?<tool> (?:the )?tool)? (?<name>[\w.:/-]+)(?: tool)?(?: (?:with|on|and) ?(?<args>.*))?$/i;

/** How much of the arguments is in one event, so that there are several, as from a model. */
const argsChunkSize = 16;

/** A tool of the client: the run ends with the call, and the client's next run brings the result. */
export const clientTool: Scene = {
  about: "use the tools that your application offers",
  example: 'call tool change_background with {"color": "blue"}',
  match({ text, input }: Request) {
    const offered = input.tools ?? [];
    const { tool: saysTool, name, args } = call.exec(text)?.groups ?? {};
    if (name !== undefined) {
      const tool = offered.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
      if (tool)
        return (stage) =>
          callClient(stage, tool, args === undefined ? guessArgs(tool, text) : parseObject(args));
      if (saysTool) return (stage) => refuse(stage, name, offered);
    }
    const tool = offered.find((candidate) => isMeant(candidate, text));
    return tool && ((stage) => callClient(stage, tool, guessArgs(tool, text)));
  },
};

/** Whether all words of the tool's name are in the sentence. */
function isMeant(tool: Tool, sentence: string): boolean {
  const words = wordsOfName(tool.name);
  return words.length > 0 && words.every((word) => hasWord(sentence, word));
}

async function* callClient(stage: Stage, tool: Tool, args: JsonObject | undefined): Play {
  if (args === undefined) {
    yield* say(stage, `The arguments of ${tool.name} have to be a JSON object, such as {"color": "blue"}.`);
    return undefined;
  }
  const toolCallId = yield* stage.events.toolCall({ name: tool.name, args, chunkSize: argsChunkSize });
  return { type: "pending", toolCallIds: [toolCallId] };
}

async function* refuse(stage: Stage, name: string, offered: readonly Tool[]): Play {
  const known = offered.map((tool) => tool.name).join(", ");
  yield* say(
    stage,
    `Your application offers no tool "${name}". ${known ? `It offers: ${known}.` : "It offers none."}`,
  );
  return undefined;
}

/** Says what the client's tools answered. */
export async function* answerToolResults(
  stage: Stage,
  results: readonly { name: string; result: ToolMessage }[],
): Play {
  const sentences = results.map(({ name, result }) => {
    if (result.error) return `The tool ${name} failed: ${result.error}`;
    const answer = textOf(result.content).trim();
    return answer === "" ? `The tool ${name} is done.` : `The tool ${name} answered: ${answer}`;
  });
  yield* say(stage, sentences.join("\n"));
  return undefined;
}
