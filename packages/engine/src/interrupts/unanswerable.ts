import { checkRunAgentInput, type Interrupt } from "@dragoman/agui";

/**
 * Why nobody could answer interrupts that a run ends with; undefined if somebody can. Their ids have to be ones that
 * an answer may name: a question that cannot be answered would hold its session for ever.
 */
export function whyUnanswerable(interrupts: readonly Interrupt[]): string | undefined {
  if (interrupts.length === 0) return undefined;
  const resume = interrupts.map(({ id }) => ({ interruptId: id, status: "cancelled" as const }));
  const [problem] = checkRunAgentInput({ threadId: "any", runId: "any", messages: [], resume });
  if (!problem) return undefined;
  const index = Number(problem.path.split("/")[2]);
  return `The interrupt ${index} of the run cannot be answered: its id ${problem.message}.`;
}
