import { checkRunAgentInput, inputFromMessage, type RunAgentInput } from "@dragoman/agui";
import type { BatchItem as BatchItemMessage } from "@dragoman/contract/orchestrator/v1/batch_pb";
import type { BatchItem } from "./batch/item-ids.ts";
import { mapInTurns } from "./batch/map-in-turns.ts";
import { invalidInput, type Problem } from "./errors.ts";

/** So many problems are told; one more changes nothing for who has to correct these. */
const problemsMax = 100;

/** Reads the items of a batch. Rejects with INVALID_INPUT and the problems of all of them; empty ids are none. */
export async function readBatchItems(messages: readonly BatchItemMessage[]): Promise<BatchItem[]> {
  const problems: Problem[] = [];
  const runs = new Map<string, number>();
  const items: BatchItem[] = [];
  await mapInTurns(messages, (message, index) => {
    if (problems.length >= problemsMax) return;
    const read = readInput(message);
    const found = Array.isArray(read) ? read : repeatedRun(read, index, runs);
    for (const { path, ...rest } of found) problems.push({ path: `/items/${index}/input${path}`, ...rest });
    if (!Array.isArray(read)) items.push({ agentId: message.agentId, input: read });
  });
  if (problems.length > 0) throw invalidInput(problems.slice(0, problemsMax));
  return items;
}

function readInput({ input: message }: BatchItemMessage): RunAgentInput | Problem[] {
  if (!message) return [{ path: "", message: "the input is required", rule: "required" }];
  try {
    const input = inputFromMessage(message);
    const problems = checkRunAgentInput({
      ...input,
      threadId: input.threadId || "made by the server",
      runId: input.runId || "made by the server",
    });
    return problems.length > 0 ? problems : input;
  } catch (error) {
    const text = error instanceof Error ? error.message : "the input cannot be read";
    return [{ path: "", message: text, rule: "unreadable" }];
  }
}

/** Two items that name one run would be one run. */
function repeatedRun(
  { threadId, runId }: RunAgentInput,
  index: number,
  runs: Map<string, number>,
): Problem[] {
  if (threadId === "" || runId === "") return [];
  const name = JSON.stringify([threadId, runId]);
  const before = runs.get(name);
  if (before === undefined) {
    runs.set(name, index);
    return [];
  }
  const message = `is the run of item ${before} too: give each item a run of its own, or leave it empty`;
  return [{ path: "/runId", message, rule: "unique" }];
}
