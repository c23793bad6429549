import type { TokenUsage } from "@dragoman/agui";

/** What a run came to, as plain text. A run that failed has no answer. */
export interface Answer {
  readonly sessionId: string;
  readonly runId: string;
  readonly outcome: "success" | "interrupted" | "cancelled";
  /** The text of the last message that the agent itself wrote; empty if it wrote none. */
  readonly content: string;
  /** The interrupts that wait for an answer, where it is interrupted. */
  readonly interruptIds: readonly string[];
  /** The tokens that it took; undefined where the agent does not say. */
  readonly usage: AnswerUsage | undefined;
}

/** The tokens that a run took, over all models. */
export interface AnswerUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
}

/** Sums what a terminal event says of tokens; undefined if it says nothing. */
export function sumUsage(usage: readonly TokenUsage[] = []): AnswerUsage | undefined {
  if (usage.length === 0) return undefined;
  const sum = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };
  for (const { inputTokens = 0, outputTokens = 0, totalTokens } of usage) {
    sum.inputTokens += inputTokens;
    sum.outputTokens += outputTokens;
    sum.totalTokens += totalTokens ?? inputTokens + outputTokens;
  }
  return sum;
}
