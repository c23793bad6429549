import { isObject, type Loose, type Problem } from "./problem.ts";

/** Ids are keys of tables, paths and subjects: the same limits as in the contract (agui/v1/input.proto). */
const MAX_ID_BYTES = 256;
/** Ids of tool calls are the model provider's, and some are long. */
const MAX_TOOL_CALL_ID_BYTES = 16_384;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/;

const encoder = new TextEncoder();

/** Lists what is wrong with the ids of an input whose types are checked already. */
export function idProblems(input: Loose): Problem[] {
  const problems: Problem[] = [];
  const id = (value: unknown, path: string, maxBytes = MAX_ID_BYTES): void => {
    const problem = typeof value === "string" ? idProblem(value, path, maxBytes) : undefined;
    if (problem !== undefined) problems.push(problem);
  };
  id(input.threadId, "/threadId");
  id(input.runId, "/runId");
  id(input.parentRunId, "/parentRunId");
  each(input.messages, "/messages", (message, path) => {
    id(message.id, `${path}/id`);
    id(message.subagentRunId, `${path}/subagentRunId`);
    id(message.toolCallId, `${path}/toolCallId`, MAX_TOOL_CALL_ID_BYTES);
    each(message.toolCalls, `${path}/toolCalls`, (call, callPath) => {
      id(call.id, `${callPath}/id`, MAX_TOOL_CALL_ID_BYTES);
    });
    each(message.content, `${path}/content`, (part, partPath) => id(part.id, `${partPath}/id`));
  });
  each(input.tools, "/tools", (tool, path) => {
    if (tool.name === "")
      problems.push({ path: `${path}/name`, message: "must not be empty", rule: "not_empty" });
  });
  each(input.resume, "/resume", (entry, path) => id(entry.interruptId, `${path}/interruptId`));
  return problems;
}

function each(list: unknown, path: string, visit: (item: Loose, path: string) => void): void {
  if (!Array.isArray(list)) return;
  list.forEach((item, index) => {
    if (isObject(item)) visit(item, `${path}/${index}`);
  });
}

function idProblem(id: string, path: string, maxBytes: number): Problem | undefined {
  if (id === "") return { path, message: "must not be empty", rule: "not_empty" };
  if (id.length * 3 > maxBytes && encoder.encode(id).length > maxBytes) {
    return { path, message: `must not be longer than ${maxBytes} bytes`, rule: "max_bytes" };
  }
  // UTF-8 has none: they would be stored and compared as something else.
  if (!id.isWellFormed()) {
    return { path, message: "must not contain half of a surrogate pair", rule: "well_formed" };
  }
  if (CONTROL_CHARACTER.test(id)) {
    return { path, message: "must not contain control characters", rule: "no_control_characters" };
  }
  return undefined;
}
